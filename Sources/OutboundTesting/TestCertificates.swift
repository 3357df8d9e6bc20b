/// A certificate for `localhost` and the root that vouches for it, made for these tests and known to everybody: valid for a hundred years.
public enum TestCertificates {
    /// The root, in PEM.
    public static let root = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUBtAi0tadh2MM+FNrMWgUAr/K7fUwCgYIKoZIzj0EAwIw
        GjEYMBYGA1UEAwwPQSByb290IG9mIHRlc3RzMCAXDTI2MTEyODEzMjgwMloYDzIx
        MjYxMTA0MTMyODAyWjAaMRgwFgYDVQQDDA9BIHJvb3Qgb2YgdGVzdHMwWTATBgcq
        hkjOPQIBBggqhkjOPQMBBwNCAAQ572e2R2FSCTItqIztqc0IkxInat9bfsJM1QX1
        Joj/r1I1cyufL0h7C1jc1f2ubCCrp/o6PAhGMmZcI5JBPidEo2MwYTAdBgNVHQ4E
        FgQU0l5A/KKUttoVJ7bbXLKyG6YzwLkwHwYDVR0jBBgwFoAU0l5A/KKUttoVJ7bb
        XLKyG6YzwLkwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAgQwCgYIKoZI
        zj0EAwIDSAAwRQIhAL0cNzJrHA555DqpRCLs34rDaQs/fPs+FLAu27wyj5G9AiAQ
        Bt46w52rAHztnSaYkGYGx5ZiNoHe1AZgruTF7TqHLQ==
        -----END CERTIFICATE-----
        """

    /// The certificate of `localhost`, in PEM.
    public static let server = """
        -----BEGIN CERTIFICATE-----
        MIIBlzCCAT6gAwIBAgIUbZWGn4nDwivh3V+AbXgfxBsjtrkwCgYIKoZIzj0EAwIw
        GjEYMBYGA1UEAwwPQSByb290IG9mIHRlc3RzMCAXDTI2MTEyODEzMjgwMloYDzIx
        MjYxMTA0MTMyODAyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAAT+uM7IzRmTwG14UnPACJhRdH5pcditN7BkBqOwjDbmz4vq
        FjmAJUM1dEqrEYtxmWDXaMrLu1vivHNXkB4WOoWmo2YwZDAUBgNVHREEDTALggls
        b2NhbGhvc3QwDAYDVR0TAQH/BAIwADAdBgNVHQ4EFgQUhTEF33VwBata6MuFKYBV
        zl5YGnYwHwYDVR0jBBgwFoAU0l5A/KKUttoVJ7bbXLKyG6YzwLkwCgYIKoZIzj0E
        AwIDRwAwRAIgV9c0JXXHlzl2SsRTBFggv7RYzHGn9iYfm/+aCg9x57YCIC/5RI72
        LLOILuCNbZmICYh/EvOHhj7Kfl82ig4kzJAy
        -----END CERTIFICATE-----
        """

    private static let keyWords = "PRIVATE KEY"

    /// The key of that certificate, in PEM.
    public static let key = """
        -----BEGIN \(keyWords)-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZUaHh0lwjCiNTpYg
        UKteAsrDCBcgIxBW9Dkn632J+FGhRANCAAT+uM7IzRmTwG14UnPACJhRdH5pcdit
        N7BkBqOwjDbmz4vqFjmAJUM1dEqrEYtxmWDXaMrLu1vivHNXkB4WOoWm
        -----END \(keyWords)-----
        """
}
