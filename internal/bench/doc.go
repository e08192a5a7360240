// Command bench is `make bench`: it measures Concord against floors, in turns within one run, and prints their ratios.
//
// A floor is the least that any program would need on this machine for the same answer: a bare gin handler for an
// authorization, one hop and one fdatasync for a replicated change. Only ratios of one run mean anything, so every
// benchmark runs its floor beside ours, several rounds, and the median counts. It measures the built bin/concord as
// separate processes over loopback, laid out by `concord dev --write-only` below .build/bench, and its own program again
// as the floor's process. BENCH=name runs one; BASE_PORT (7600) moves the ports; PROFILE=1 runs the server from this
// program instead and leaves CPU profiles in .build/bench, since no listener of a real server offers any.
//
// peer-openldap runs another product in turns with ours where it is installed; docs/performance.md says what each line is.
//
// Each figure is a line `bench NAME[/part] ours V floor V ratio R goal G ok|short`, or `note NAME ours V beside V ratio R` without a goal; a benchmark's main line is ok only if
// all of its parts are. bench.json has the same with units. What is short is no failure of the program.
//
// It must not be linked into a server: it makes sessions by the packages themselves, in a store of its own.
package main
