// Package kafkatest gives tests a Kafka cluster: the embedded broker, or real
// Apache Kafka with one or three brokers, behind one type.
//
//	func TestMain(m *testing.M) { os.Exit(kafkatest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		kafkatest.Each(t, func(t *testing.T, cluster *kafkatest.Cluster) {
//			topic := cluster.Topic(t, "orders", 4)
//			client := cluster.Client(t)
//			…
//		})
//	}
//
// Real Kafka is taken from its Maven artifacts, into a folder of the user's
// cache that all runs share, and runs in KRaft mode with its data in a
// temporary folder. A cluster is started when the first test of a package asks
// for it and shared by those that follow; names are unique per test. Tests that
// kill brokers start a cluster of their own (Start).
//
// Everything that was started is stopped by Main, or with the test that it was
// started for. On Linux a broker also dies with the test process, however that
// ends.
//
// Without Java 17 or Maven the tests on real Kafka are skipped, saying so; with
// RONDO_REQUIRE_KAFKA=1 in the environment they fail instead. With
// RONDO_KAFKA=embedded, or in short mode, only the embedded broker is used, on
// purpose.
package kafkatest
