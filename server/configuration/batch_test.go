package configuration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/concord-access/terraform-provider-concord/internal/fault"
	"github.com/concord-access/terraform-provider-concord/server/configuration"
	"github.com/concord-access/terraform-provider-concord/server/mdc"
)

// TestBatchIsOneChange: later operations see earlier ones, each has its record and all have one audit record, and what is
// so already is neither recorded nor counted.
func TestBatchIsOneChange(t *testing.T) {
	w := start(t, options{})
	w.put(mdc.GroupKind(), group("old"))
	before, audited := w.position(), w.events()
	results, err := w.Batch(t.Context(), ann, []configuration.Operation{
		give(mdc.GroupKind(), group("staff")),
		give(mdc.UserKind(), user("ann", "staff", "old")),
		give(mdc.GroupKind(), group("staff")),
		{Kind: mdc.UserKind(), Name: "ANN", Change: func(was mdc.Object) (mdc.Object, error) {
			u := *was.(*mdc.User)
			u.Groups = []string{"staff"}
			return &u, nil
		}},
		take(mdc.GroupKind(), "old"),
		give(mdc.SettingKind(), &mdc.Setting{Name: "banner", Value: "{\n}"}),
	}, false)
	w.must(err)
	var got []configuration.Outcome
	for _, r := range results {
		got = append(got, r.Outcome)
		if (r.ETag == "") != (r.Outcome == configuration.Deleted) {
			t.Errorf("ETag %q of what is %s", r.ETag, r.Outcome)
		}
	}
	want := []configuration.Outcome{configuration.Created, configuration.Created, configuration.Unchanged, configuration.Changed, configuration.Deleted, configuration.Created}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if now := w.position(); now.Sequence != before.Sequence+5 {
		t.Errorf("%d records", now.Sequence-before.Sequence)
	}
	log := w.auditText()
	if n := w.events(); n != audited+1 || !strings.Contains(log[n-1], `"5 objects"`) || !strings.Contains(log[n-1], "request-1") {
		t.Errorf("audit: %s", log[audited:])
	}
	if _, err := w.Batch(t.Context(), ann, []configuration.Operation{give(mdc.GroupKind(), group("staff"))}, false); err != nil || w.events() != audited+1 {
		t.Errorf("a batch that changes nothing is audited, or refused: %v", err)
	}
}

// TestBatchRefusals: nothing of a refused batch is there, and each fault has its place.
func TestBatchRefusals(t *testing.T) {
	bad := &mdc.Group{Name: "bad name", Description: "a\x00b"}
	fill := func(w *world) {
		w.put(mdc.GroupKind(), group("used"))
		w.put(mdc.UserKind(), user("bob", "used"))
	}
	cases := map[string]struct {
		ops      []configuration.Operation
		kind     fault.Kind
		code     string
		pointers []string
	}{
		"none":    {nil, fault.Invalid, "invalid_input", []string{"/operations"}},
		"invalid": {[]configuration.Operation{give(mdc.GroupKind(), group("a")), give(mdc.GroupKind(), bad)}, fault.Invalid, "invalid_input", []string{"/operations/1/body/name", "/operations/1/body/description"}},
		"dangling": {[]configuration.Operation{give(mdc.UserKind(), user("a", "used", "x", "y")), give(mdc.UserKind(), user("b", "x"))}, fault.Invalid, "invalid_input",
			[]string{"/operations/0/body/groups/1", "/operations/0/body/groups/2", "/operations/1/body/groups/0"}},
		"what follows from a fault is not told": {[]configuration.Operation{
			{Kind: mdc.GroupKind(), Name: "g", Pre: configuration.Precondition{IfMatch: `"x"`}, Change: func(mdc.Object) (mdc.Object, error) { return group("g"), nil }},
			give(mdc.UserKind(), user("a", "g")), give(mdc.GroupKind(), group("g"))}, fault.Precondition, "changed", []string{"/operations/0/if_match"}},
		"exists": {[]configuration.Operation{give(mdc.GroupKind(), group("a")), {Kind: mdc.GroupKind(), Name: "used", Pre: configuration.Precondition{Absent: true},
			Change: func(mdc.Object) (mdc.Object, error) { return group("used"), nil }}}, fault.Precondition, "exists", []string{"/operations/1/if_none_match"}},
		"in use":       {[]configuration.Operation{take(mdc.GroupKind(), "used")}, fault.Conflict, "in_use", []string{"/operations/0"}},
		"in use since": {[]configuration.Operation{give(mdc.GroupKind(), group("g")), give(mdc.UserKind(), user("a", "g")), take(mdc.GroupKind(), "g")}, fault.Conflict, "in_use", []string{"/operations/2"}},
		"not there":    {[]configuration.Operation{take(mdc.UserKind(), "bob"), take(mdc.UserKind(), "bob")}, fault.NotFound, "not_found", []string{"/operations/1"}},
		"another name": {[]configuration.Operation{{Kind: mdc.GroupKind(), Name: "a", Change: func(mdc.Object) (mdc.Object, error) { return group("b"), nil }}}, fault.Invalid, "invalid_input", []string{"/operations/0/body/name"}},
		"stale lock":   {[]configuration.Operation{{Kind: mdc.GroupKind(), Name: "used", Pre: configuration.Precondition{Lock: 9}}}, fault.Conflict, "stale_lock", []string{"/operations/0/lock"}},
		"first counts": {[]configuration.Operation{take(mdc.UserKind(), "x"), give(mdc.GroupKind(), bad)}, fault.NotFound, "not_found", []string{"/operations/0", "/operations/1/body/name", "/operations/1/body/description"}},
		"too many":     {make([]configuration.Operation, configuration.MaxOperations+1), fault.TooLarge, "batch_too_large", nil},
		"many faults":  {repeat(100, func(i int) configuration.Operation { return take(mdc.UserKind(), fmt.Sprint("x", i)) }), fault.NotFound, "not_found", twenty()},
		"larger than store": {repeat(3000, func(i int) configuration.Operation {
			return give(mdc.SettingKind(), &mdc.Setting{Name: fmt.Sprint("s", i), Value: strings.Repeat("v", 500)})
		}), fault.TooLarge, "batch_too_large", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t, options{})
			fill(w)
			before, audited := w.position(), w.events()
			_, err := w.Batch(t.Context(), ann, tc.ops, false)
			refused(t, err, tc.kind, tc.code, tc.pointers...)
			if diff := cmp.Diff(before, w.position()); diff != "" || w.events() != audited {
				t.Errorf("something of it is there: %s", diff)
			}
		})
	}
}

func repeat(n int, op func(int) configuration.Operation) (ops []configuration.Operation) {
	for i := range n {
		ops = append(ops, op(i))
	}
	return ops
}

func twenty() (out []string) {
	for i := range 20 {
		out = append(out, fmt.Sprint("/operations/", i))
	}
	return out
}

// TestBatchDryRun says what would come out and writes nothing.
func TestBatchDryRun(t *testing.T) {
	w := start(t, options{})
	ops := []configuration.Operation{give(mdc.GroupKind(), group("a")), give(mdc.UserKind(), user("u", "a"))}
	before := w.position()
	would, err := w.Batch(t.Context(), ann, ops, true)
	w.must(err)
	if diff := cmp.Diff(before, w.position()); diff != "" || w.events() != 0 {
		t.Fatalf("a dry run wrote: %s", diff)
	}
	did, err := w.Batch(t.Context(), ann, ops, false)
	w.must(err)
	for i := range did {
		if did[i].ETag != would[i].ETag || did[i].Outcome != would[i].Outcome {
			t.Errorf("operation %d: %v, and in the dry run %v", i, did[i], would[i])
		}
	}
}

// TestSecretsAreHashedOnceAndOnlyWhenAccepted: what is refused costs no hash, each secret costs one, and a later operation
// of the same batch keeps it (SEC-68).
func TestSecretsAreHashedOnceAndOnlyWhenAccepted(t *testing.T) {
	var hashed atomic.Int32
	w := start(t, options{hash: func(ctx context.Context, plain string) (string, error) {
		hashed.Add(1)
		return hashOf(ctx, plain)
	}})
	withPassword := func(name, password string, groups ...string) *mdc.User {
		u := user(name, groups...)
		u.Password = mdc.NewSecret(password)
		return u
	}
	_, err := w.Batch(t.Context(), ann, []configuration.Operation{give(mdc.UserKind(), withPassword("ann", "correct horse")), give(mdc.UserKind(), withPassword("bob", "correct horse", "absent"))}, false)
	refused(t, err, fault.Invalid, "invalid_input", "/operations/1/body/groups/0")
	if n := hashed.Load(); n != 0 {
		t.Errorf("%d hashes for what is refused", n)
	}
	_, err = w.Batch(t.Context(), ann, []configuration.Operation{
		give(mdc.UserKind(), withPassword("ann", "correct horse")), give(mdc.UserKind(), withPassword("bob", "battery staple")),
		give(mdc.UserKind(), &mdc.User{Name: "ann", DisplayName: "Ann"}),
	}, false)
	w.must(err)
	if n := hashed.Load(); n != 2 {
		t.Errorf("%d hashes for 2 secrets", n)
	}
	res, err := w.Get(t.Context(), ann, mdc.UserKind(), "ann")
	w.must(err)
	want, _ := hashOf(t.Context(), "correct horse")
	if u := res.Object.(*mdc.User); u.Password.Hash != want || u.DisplayName != "Ann" {
		t.Errorf("got %+v with hash %q", u, u.Password.Hash)
	}
}

// TestHashingThatFailsWritesNothing: neither a fault of the hasher nor a caller who leaves writes half a batch.
func TestHashingThatFailsWritesNothing(t *testing.T) {
	broken := errors.New("no turn")
	left, leave := context.WithCancel(t.Context())
	w := start(t, options{hash: func(ctx context.Context, plain string) (string, error) {
		if plain == "leave the room" {
			leave()
			return hashOf(ctx, plain)
		}
		return "", broken
	}})
	u := user("ann")
	for password, want := range map[string]error{"correct horse": broken, "leave the room": context.Canceled} {
		u.Password = mdc.NewSecret(password)
		_, err := w.Batch(left, ann, []configuration.Operation{give(mdc.GroupKind(), group("g")), give(mdc.UserKind(), u)}, false)
		if password != "leave the room" && left.Err() != nil {
			want = context.Canceled // the cases come in any order
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v", password, err)
		}
	}
	if p := w.position(); p.Sequence != 0 {
		t.Errorf("it wrote: %+v", p)
	}
}

// TestBatchEqualsOneByOne is a property: a batch of any operations leaves the same objects, digest and sequence as the same
// operations one by one, and one that is refused leaves what was there before.
func TestBatchEqualsOneByOne(t *testing.T) {
	dirs := 0
	root := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dirs++
		batch, single := newWorld(rt, fmt.Sprint(root, "/b", dirs), options{}), newWorld(rt, fmt.Sprint(root, "/s", dirs), options{})
		defer batch.close()
		defer single.close()
		for range rapid.IntRange(1, 3).Draw(rt, "batches") {
			ops := rapid.SliceOfN(operation(), 1, 12).Draw(rt, "operations")
			before := batch.position()
			_, err := batch.Batch(t.Context(), ann, ops, false)
			if err == nil {
				for i, op := range ops {
					if err := single.do(op); err != nil {
						rt.Fatalf("operation %d by itself: %v", i, err)
					}
				}
			} else if !single.refusesOneOf(ops) {
				rt.Fatalf("refused as a batch, but not one by one: %v", err)
			} else if now := batch.position(); now != before {
				rt.Fatalf("refused, and yet at %+v", now)
			}
			if b, s := batch.position(), single.position(); err == nil && b != s {
				rt.Fatalf("batch at %+v, one by one at %+v", b, s)
			} else if err != nil {
				return // the two have gone apart
			}
		}
	})
}

func (w *world) do(op configuration.Operation) error {
	if op.Change == nil {
		return w.Delete(context.Background(), ann, op.Kind, op.Name, op.Pre)
	}
	_, err := w.Modify(context.Background(), ann, op.Kind, op.Name, op.Pre, op.Change)
	return err
}

func (w *world) refusesOneOf(ops []configuration.Operation) bool {
	for _, op := range ops {
		if w.do(op) != nil {
			return true
		}
	}
	return false
}

func operation() *rapid.Generator[configuration.Operation] {
	return rapid.Custom(func(rt *rapid.T) configuration.Operation {
		name := rapid.SampledFrom([]string{"a", "b", "C"})
		n := name.Draw(rt, "name")
		switch rapid.IntRange(0, 6).Draw(rt, "what") {
		case 0, 1:
			return give(mdc.GroupKind(), &mdc.Group{Name: n, Description: rapid.SampledFrom([]string{"", "x"}).Draw(rt, "text")})
		case 2, 3:
			u := user(n, rapid.SliceOfN(name, 0, 2).Draw(rt, "groups")...)
			if rapid.Bool().Draw(rt, "with a password") {
				u.Password = mdc.NewSecret(rapid.SampledFrom([]string{"correct horse", "short"}).Draw(rt, "password"))
			}
			return give(mdc.UserKind(), u)
		case 4:
			return take(mdc.GroupKind(), n)
		case 5:
			return take(mdc.UserKind(), n)
		}
		return give(mdc.SettingKind(), &mdc.Setting{Name: n, Value: rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "value")})
	})
}

// TestBatchKeepsCountOfWhoRefersToWhat: a deletion knows what the operations since the first one have put and taken away.
func TestBatchKeepsCountOfWhoRefersToWhat(t *testing.T) {
	first := take(mdc.GroupKind(), "idle") // from here on the batch keeps count
	cases := map[string]struct {
		ops  []configuration.Operation
		code string
	}{
		"put":             {[]configuration.Operation{first, give(mdc.UserKind(), user("ann", "free")), take(mdc.GroupKind(), "free")}, "in_use"},
		"put in a policy": {[]configuration.Operation{first, give(mdc.AuthorizationPolicyKind(), &mdc.AuthorizationPolicy{Name: "p", Rules: []mdc.Rule{{Effect: "allow", Groups: []string{"free"}}}}), take(mdc.GroupKind(), "free")}, "in_use"},
		"still there":     {[]configuration.Operation{first, give(mdc.UserKind(), user("bob", "used", "free")), take(mdc.GroupKind(), "used")}, "in_use"},
		"taken away":      {[]configuration.Operation{first, give(mdc.UserKind(), user("BOB")), take(mdc.GroupKind(), "used")}, ""},
		"user deleted":    {[]configuration.Operation{first, take(mdc.UserKind(), "bob"), take(mdc.GroupKind(), "used")}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := start(t, options{})
			for _, g := range []string{"idle", "free", "used"} {
				w.put(mdc.GroupKind(), group(g))
			}
			w.put(mdc.UserKind(), user("bob", "used"))
			_, err := w.Batch(t.Context(), ann, tc.ops, false)
			if fault.CodeOf(err) != tc.code || (err == nil) != (tc.code == "") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestPassphraseBesideAPassword: a batch whose passwords are still to be hashed runs twice, and a passphrase in it is kept all the same;
// made again it is no change, and another passphrase keeps the former one beside it (SEC-68).
func TestPassphraseBesideAPassword(t *testing.T) {
	w := start(t, options{})
	write := func(passphrase, password string) (configuration.Outcome, mdc.Passphrase) {
		u := user("ann")
		u.Password = mdc.NewSecret(password)
		results, err := w.Batch(t.Context(), ann, []configuration.Operation{
			give(mdc.PartnerProfileKind(), &mdc.PartnerProfile{AgentID: "mesh", Passphrase: mdc.NewPassphrase(passphrase), PassphraseVersion: 1}),
			give(mdc.UserKind(), u)}, false)
		w.must(err)
		res, err := w.Get(t.Context(), ann, mdc.PartnerProfileKind(), mdc.SingletonName)
		w.must(err)
		return results[0].Outcome, res.Object.(*mdc.PartnerProfile).Passphrase
	}
	const first, second = "a passphrase of the first", "a passphrase of the second"
	if _, kept := write(first, "a password of ann"); string(kept.Wrapped) != first {
		t.Errorf("the passphrase is lost: %q", kept.Wrapped)
	}
	if outcome, kept := write(first, "another password"); outcome != configuration.Unchanged || string(kept.Wrapped) != first || kept.Former != nil {
		t.Errorf("made again: %s, %q", outcome, kept.Wrapped)
	}
	if _, kept := write(second, "a third password"); string(kept.Wrapped) != second || string(kept.Former) != first {
		t.Errorf("changed: %q, before %q", kept.Wrapped, kept.Former)
	}
}
