package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/server/audit"
	"github.com/google/go-cmp/cmp"
)

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func place(r audit.Record) string { return fmt.Sprint(r.DataCenter, " ", r.Chain, " ", r.Sequence) }

func places(all []audit.Record) (out []string) {
	for _, r := range all {
		out = append(out, place(r))
	}
	return out
}

// TestSearchFindsWhatAnyoneWouldFindByReadingAll compares with a filter over the whole, for many questions, also about times at
// which the clock was set back.
func TestSearchFindsWhatAnyoneWouldFindByReadingAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 900 {
		l := w.acts
		if random.IntN(3) > 0 {
			l = w.runtime
		}
		outcome := audit.OK
		if random.IntN(4) == 0 {
			outcome = audit.Refused
		}
		user := fmt.Sprint("u", random.IntN(5))
		w.write(l, audit.Event{Actor: "user:" + user, Action: []string{"sign_in", "put"}[i%2], Target: []string{"user/", "group/"}[random.IntN(2)] + user, User: user, Outcome: outcome, RequestID: fmt.Sprint("r", i%50)})
		w.clock.Advance(time.Duration(random.IntN(600)) * time.Second)
		if i%200 == 199 {
			w.clock.Advance(-5 * time.Hour)
		}
	}
	whole, _ := w.all(audit.Query{Limit: 1000, Oldest: true})
	if len(whole) != 900 {
		t.Fatalf("%d records", len(whole))
	}
	begin := whole[0].Time
	at := func() time.Time { return begin.Add(time.Duration(random.IntN(100)) * 20 * time.Minute) }
	for range 200 {
		q := audit.Query{Limit: 1 + random.IntN(60), Oldest: random.IntN(2) == 0}
		if random.IntN(2) == 0 {
			q.From = at()
		}
		if random.IntN(2) == 0 {
			q.To = at()
		}
		q.User = []string{"", "U3"}[random.IntN(2)]
		q.Action = []string{"", "put"}[random.IntN(2)]
		q.Object = []string{"", "user", "group/u3", "use"}[random.IntN(4)]
		q.Outcome = []string{"", audit.OK, audit.Refused}[random.IntN(3)]
		q.RequestID = []string{"", "", "r7"}[random.IntN(3)]
		want := map[string]bool{}
		for _, r := range whole {
			if fits(q, r) {
				want[place(r)] = true
			}
		}
		got, _ := w.all(q)
		for _, p := range places(got) {
			if !want[p] {
				t.Fatalf("%+v found %s, or found it twice", q, p)
			}
			delete(want, p)
		}
		if len(want) > 0 {
			t.Fatalf("%+v did not find %v", q, want)
		}
	}
}

// fits is the plain form of a query.
func fits(q audit.Query, r audit.Record) bool {
	object := q.Object == "" || q.Object == r.Target || q.Object == "user" && r.Target[:5] == "user/"
	outcome := q.Outcome == "" || q.Outcome == audit.Refused == (r.Outcome == audit.Refused)
	return object && outcome && (q.User == "" || r.User == "u3") && (q.Action == "" || r.Action == q.Action) && (q.RequestID == "" || r.RequestID == q.RequestID) &&
		(q.From.IsZero() || !r.Time.Before(q.From)) && (q.To.IsZero() || r.Time.Before(q.To))
}

// TestAQuestionIsAnsweredInBoundedParts: one that few records answer moves on without any, instead of reading all at once.
func TestAQuestionIsAnsweredInBoundedParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(w.runtime, audit.Event{Action: "rare", Target: "x"})
	for range 25 {
		w.write(w.runtime, slices.Repeat([]audit.Event{{Action: "common", Target: "x"}}, 1000)...)
	}
	got, pages := w.all(audit.Query{Limit: 10, Action: "rare"})
	if len(got) != 1 || pages != 3 {
		t.Errorf("%d records in %d parts", len(got), pages)
	}
}

// TestPartsOfManyDataCentersAreMergedInTheOrderOfTime: pages of any length, from sources that answer in pieces of their own
// length, give each record once and in order.
func TestPartsOfManyDataCentersAreMergedInTheOrderOfTime(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	begin := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	sources := map[string][]audit.Record{}
	for i, id := range []string{"NYDC", "LDC", "FRA", "IDLE"} {
		at := begin
		for n := range i * 40 % 120 {
			at = at.Add(time.Duration(random.IntN(20)) * time.Second)
			sources[id] = append(sources[id], audit.Record{DataCenter: id, Chain: audit.Acts, Sequence: uint64(n + 1), Time: at})
		}
	}
	for range 100 {
		q := audit.Query{Limit: 1 + random.IntN(30), Oldest: random.IntN(2) == 0}
		next := map[string]audit.Place{}
		for id := range sources {
			next[id] = q.Start()
		}
		next["IDLE"] = q.Start()
		var all []audit.Record
		for more := true; more; {
			parts := map[string]audit.Part{}
			for id, from := range next {
				parts[id] = piece(sources[id], q, from, 1+random.IntN(q.Limit), random)
			}
			var got []audit.Record
			before := fmt.Sprint(next)
			got, next, more = audit.Merge(q, parts)
			if more && fmt.Sprint(next) == before {
				t.Fatal("no progress")
			}
			all = append(all, got...)
		}
		var want []audit.Record
		for _, s := range sources {
			want = append(want, s...)
		}
		if len(all) != len(want) {
			t.Fatalf("%d of %d records", len(all), len(want))
		}
		seen := map[string]bool{}
		for i, r := range all {
			if seen[place(r)] {
				t.Fatalf("%s came twice", place(r))
			}
			seen[place(r)] = true
			if i > 0 && (q.Oldest && r.Time.Before(all[i-1].Time) || !q.Oldest && r.Time.After(all[i-1].Time)) {
				t.Fatalf("%s came after what is later", place(r))
			}
		}
	}
}

// piece is what a source answers: at most so many records, and sometimes none although there are more.
func piece(all []audit.Record, q audit.Query, from audit.Place, limit int, random *rand.Rand) audit.Part {
	p := audit.Part{Start: from, End: from, Done: true}
	ordered := slices.Clone(all)
	if !q.Oldest {
		slices.Reverse(ordered)
	}
	hide := random.IntN(4) == 0
	for _, r := range ordered {
		if q.Oldest && r.Sequence <= from.Acts || !q.Oldest && r.Sequence >= from.Acts {
			continue
		}
		if len(p.Records) == limit {
			p.Done = false
			return p
		}
		p.Records, p.End.Acts, p.Bound = append(p.Records, r), r.Sequence, r.Time
	}
	if hide && len(p.Records) > 1 { // it stopped reading before it was full
		p.Records = p.Records[:1]
		p.End.Acts, p.Bound, p.Done = p.Records[0].Sequence, p.Records[0].Time, false
	}
	return p
}

// TestMergeIsStable: of one moment the source with the lower name comes first.
func TestMergeIsStable(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	part := func(id string) audit.Part {
		return audit.Part{Records: []audit.Record{{DataCenter: id, Chain: audit.Acts, Sequence: 1, Time: at}}, Done: true}
	}
	got, _, more := audit.Merge(audit.Query{Limit: 9}, map[string]audit.Part{"B": part("B"), "A": part("A"), "C": part("C")})
	if diff := cmp.Diff([]string{"A acts 1", "B acts 1", "C acts 1"}, places(got)); diff != "" || more {
		t.Error(diff, more)
	}
}
