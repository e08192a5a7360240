package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// maxLeaveTime bounds leave_time: service managers kill who takes longer to stop than they were told.
const maxLeaveTime = 5 * time.Minute

// leaveTime reads leave_time = "1s".
func (d *decoder) leaveTime(c *hcl.BodyContent, n *Node) {
	s, ok := d.text(c, "leave_time")
	if !ok {
		return
	}
	at := c.Attributes["leave_time"].Expr.Range()
	leave, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.faults.add(at, "Invalid duration", "%q has to be a number with a unit, such as \"5s\"", clip(s))
	case leave < 0 || leave > maxLeaveTime:
		d.faults.add(at, "Duration out of range", "leave_time has to be between 0s and %s", span(maxLeaveTime))
	default:
		n.LeaveTime = leave
	}
}
