extension TransactionGenerator.Transaction {
    /// The payment as the body of a request for a prediction, which stores its event too; one line of JSON.
    public var requestLine: String {
        "{\"inputs\":{\"tx_id\":\"t\(id)\",\"tx_time\":\"\(time)\",\"customer_id\":\"c\(customer)\","
            + "\"terminal_id\":\"m\(terminal)\",\"amount\":\(amountText)},\"append\":true}\n"
    }
}
