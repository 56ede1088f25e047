// Command benchcheck says whether the benchmarks cost more than they did when the
// baseline was written: `make bench-check`; `make bench-baseline` writes it anew.
//
// What is compared is what can be compared between machines, and on a busy one:
//
//   - allocations per operation, which the program decides and not the machine;
//   - time per operation, by that of a reference benchmark that runs in the same
//     round. Of each the fastest round counts: the others were disturbed. What
//     looks slower is measured again before it is called so.
//
// Absolute times are never compared. The baseline is a file of the standard
// benchmark format, so `benchstat baseline.txt now.txt` reads it.
//
//	measure.go   builds the tests, runs rounds of benchmarks
//	sample.go    what came of them
//	judge.go     what became worse
package main
