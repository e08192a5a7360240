package main

// trial is one way to break a data center.
type trial struct {
	id    string // of the reliability table; a control has a word behind it
	what  string // what is counted
	quick int    // runs in a test
	runs  int    // runs of make torture
	run   func(*stage)
}

// trials in the order they run.
func trials() []trial {
	return []trial{
		{"SEC-06", "taken-for-good", 20_000, 1_000_000, alteredCookies},
		{"SEC-64", "kept-or-starved", 1, 2, slowClients}, // the second run is of those that take longer
		{"FLT-01", "acked-lost", 2, 100, kills},
		{"FLT-02", "acked-lost", 1, 20, powerLoss},
		{"FLT-02-control", "images-that-lost", 1, 5, powerLossUnsynced},
		{"FLT-03", "broken-points", 4, 115, killedAtPoints},
		{"FLT-04", "lost-or-down", 1, 6, fullDisk},
		{"FLT-06", "lost-or-down", 1, 5, outOfDescriptors},
		{"FLT-07", "silent", 15, 285, damage},
		{"FLT-07-clone", "silent", 6, 114, damageClone},
		{"FLT-08", "followed-back", 1, 10, oldBackup},
		{"FLT-10", "cuts-badly-survived", 2, 30, partitions},
		{"FLT-13", "storms", 15, 300, flapping},
		{"FLT-15", "copies-too-many", 1, 10, farBehind},
		{"FLT-16", "half-copies", 1, 20, bootstraps},
		{"FLT-17", "silent-merges", 1, 20, twoMasters},
		{"FLT-18", "unnamed-losses", 1, 10, forced},
		{"FLT-19", "acked-lost", 4, 100, planned},
		{"FLT-20", "stale-writes", 1, 10, pausedHolder},
		{"FLT-21", "failed", 1, 3, authorityAway},
		{"FLT-21-leaves", "failed-requests", 1, 4, leaves},
		{"FLT-21-roots", "failed-requests", 1, 100, rotations},
		{"FLT-23", "refused", 6, 100, cookieKeys},
		{"FLT-24", "not-linearizable", 1, 20, linearizable},
		{"FLT-24-nodes", "violations", 1, 10, nodesUnderKills}, // a run is a minute
		{"FLT-27", "skipped-or-unsaid", 1, 5, versions},
		{"FLT-28", "refused-or-late", 1, 5, herd},
		{"FLT-29", "promises-broken", 3, 60, overload}, // a run is a second
	}
}
