// The command line with two pipelines built in, for the folder of the example in files:
//
//     cd Examples/fraud && rm -r pipelines
//     FraudProject plan && FraudProject apply && FraudProject up
import Martlet

await Martlet.main {
    mlPipeline
    retrain
}
