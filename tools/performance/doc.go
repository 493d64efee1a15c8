// Command performance makes docs/performance.md, and its plots, of what the
// benchmarks print ("make bench"): each target beside what was measured.
//
// It reads Go's benchmark format
// (https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md),
// in which a round of all benchmarks follows the other: figures are compared
// within a round, and of the rounds the median is told.
package main
