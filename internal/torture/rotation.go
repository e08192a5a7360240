package main

import (
	"math/rand/v2"

	"github.com/concord-access/terraform-provider-concord/internal/testkit"
	"github.com/concord-access/terraform-provider-concord/internal/wire"
)

// rotations replaces the roots of two linked data centers by turns, each step as soon as it cuts nobody off, while sessions go
// over between them in both directions without a pause. It counts the adoptions that failed (FLT-21).
func rotations(s *stage) {
	both := testkit.StartProcesses(s, s.program(), "NYDC", "LDC")
	ny, ld := &both[0].DataCenter, &both[1].DataCenter
	testkit.Link(ny, ld)
	for _, user := range []string{"ann", "bob"} {
		ny.User(user)
	}
	desk := ny.Application("desk", "https://desk.example")
	testkit.InStep(ny, ld)
	loads := testkit.Adoptions{testkit.Adopt(ny, ld, desk, "ann"), testkit.Adopt(ld, ny, desk, "bob")}
	for i := range s.runs {
		d := []*testkit.DataCenter{ny, ld}[i%2]
		was := d.Rotation().Roots[0].FingerprintSHA256
		d.RotateAll(func(string) { loads.More(1) })
		if r := d.Rotation(); r.Phase != "stable" || len(r.Roots) != 1 || r.Roots[0].FingerprintSHA256 == was {
			s.broke("rotation %d at %s left %+v", i, d.ClusterID, r)
		}
	}
	rounds, failed := loads.Stop()
	s.Logf("%d adoptions during %d rotations, %d failed", rounds, s.runs, failed)
	for range failed {
		s.broke("an adoption failed")
	}
	testkit.InStep(ny.Fresh(), ld.Fresh())
}

// atRotation strikes in one of the steps of a rotation. The next start stands before or behind that step, never in it, the
// partner goes on to believe the data center, and the rotation goes to its end without force.
func atRotation(s *stage, point string) {
	master, clone := pair(s)
	complete(s, &master.DataCenter, &clone.DataCenter)
	step, was := "switch", master.Rotation().Roots[0].FingerprintSHA256
	if point != "rotate.switched" {
		step = []string{"publish", "switch", "retire"}[rand.IntN(3)]
	}
	for _, before := range []string{"publish", "switch", "retire"} {
		master.Within(2*testkit.Limit, before+" is ready", func() bool { return master.Rotation().Ready })
		if before == step {
			break
		}
		if _, err := master.Rotate(before, false); err != nil {
			s.Errorf("%s: %v", before, err)
		}
	}
	as(master, armed(point, 1)...)
	master.Within(2*testkit.Limit, step+" is ready again", func() bool { return master.Rotation().Ready })
	if _, err := master.Rotate(step, false); err == nil {
		s.Errorf("%s was not reached", point)
	}
	ended(s, master, point)
	master.Start()
	for range 3 {
		master.Within(2*testkit.Limit, "the next step is ready", func() bool { return master.Rotation().Ready })
		r := master.Rotation()
		if r.Phase == "stable" && len(r.Roots) == 1 && r.Roots[0].FingerprintSHA256 != was {
			break
		}
		if _, err := master.Rotate("", false); err != nil {
			s.broke("%s after %s: %v", r.NextStep, point, err)
		}
	}
	if r := master.Rotation(); r.Phase != "stable" || r.Roots[0].FingerprintSHA256 == was {
		s.broke("the rotation did not come to its end after %s in %s: %+v", point, step, r)
	}
	fresh := master.Fresh()
	testkit.InStep(fresh, &clone.DataCenter)
	fresh.Put("/v1/groups/after", wire.Group{Name: "after"})
	testkit.InStep(fresh, &clone.DataCenter)
	endAll(master, clone)
}
