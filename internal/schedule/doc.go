// Package schedule is the windows of time in authorization policies: days of the week, and from when to when on the clock of a
// named time zone (docs/policies.md).
//
// mdc and the provider check windows with it, server/policy asks it for each decision that a window may matter to. It knows no
// policies. It guarantees that a window is about what a clock on the wall in that zone shows, so that summer time needs no rule of
// its own: an hour that is skipped holds no moment, and one that comes twice counts both times.
package schedule
