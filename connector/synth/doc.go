// Package synth writes realistic Junction events from a seed, so that the
// demo, the tests and the benchmarks need no recording of a real person.
//
// The same seed and the same calls give the same bytes. What identifies a
// fact (record ids, sample times, the stages of a night, the sport of a
// workout) follows from seed, user and time alone; what a device measures is
// drawn anew with every call. Asking twice for the same thing therefore gives
// two versions of the same facts, as Junction's own updates do, and records
// refer to each other: sleep_cycle to sleep, workout_distance to workouts, a
// source to its device.
//
// A new resource is an entry of recipes or of seriesTable; one that has none
// is written as a series of plain numbers. Everything is invented: users have
// no names, and nothing is copied from Junction's documentation.
package synth
