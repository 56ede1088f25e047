// Package services is what the simulated services of all stories are made of.
// They are ordinary Kafka clients. Of Rondo they know the topics, their own
// payloads, and the header rondo-command-id, by which they recognise a command
// that they have carried out already and which they sometimes, not always, send
// back.
//
//	post.go     a client that takes the records of a topic and sends others, each when its time has come
//	service.go  a post that carries commands out, each once, and answers in its manner
//	habits.go   the manner: slow, silent, late, twice
//	dice.go     all chance
//
// They misbehave as services do: they are slow, refuse, do not get a request or
// lose its answer, answer twice, and answer after the caller has given up
// waiting. What they do they do once per command id, and they write it down on
// the topic services.ledger, whether or not they answer.
//
// All chance is a hash of the seed and of the number of the case, so the same
// seed tells the same story again.
//
// A record is committed once everything that follows from it has been
// acknowledged (progress.go): the services are at-least-once, and the command
// id makes that exactly once.
package services
