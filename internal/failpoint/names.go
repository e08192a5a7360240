package failpoint

// What a program with the tag failpoints reads from its environment.
const (
	Variable        = "CONCORD_FAILPOINT" // "point" or "point:n"
	WithoutVariable = "CONCORD_WITHOUT"   // "sync", "kind:setting"; several with commas
	InsteadVariable = "CONCORD_INSTEAD"   // "version=0.2.0"
)

// NoSync, for Without: nothing is synced to the disk, neither the database nor the head record (the control of FLT-02).
const NoSync = "sync"

// NoKind is for Without: a program that lacks a kind, as an older version does (FLT-27).
func NoKind(name string) string { return "kind:" + name }
