package schedule_test

import (
	"strings"
	"testing"
	"time"

	"github.com/concord-access/terraform-provider-concord/internal/schedule"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestWindowHolds: days, ends, midnight and both changes of the clock in a year, in a zone that has them.
func TestWindowHolds(t *testing.T) {
	t.Parallel()
	office := schedule.Text{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "08:00", To: "18:00", Zone: "Europe/Berlin"}
	night := schedule.Text{Days: []string{"fri"}, From: "22:00", To: "06:00", Zone: "Europe/Berlin"}
	skipped := schedule.Text{From: "02:00", To: "03:00", Zone: "Europe/Berlin"}
	for name, c := range map[string]struct {
		text schedule.Text
		at   string
		want bool
	}{
		"the first minute":                {office, "2026-11-30T08:00:00+01:00", true},
		"the last second":                 {office, "2026-11-30T17:59:59+01:00", true},
		"the end is not inside":           {office, "2026-11-30T18:00:00+01:00", false},
		"just before":                     {office, "2026-11-30T07:59:59+01:00", false},
		"the same moment in UTC":          {office, "2026-11-30T07:00:00Z", true},
		"in summer the clock is ahead":    {office, "2026-06-01T06:00:00Z", true},
		"and UTC does not count":          {office, "2026-06-01T05:59:59Z", false},
		"on a Saturday":                   {office, "2026-11-28T12:00:00+01:00", false},
		"Monday there, Sunday in UTC":     {schedule.Text{Days: []string{"mon"}, Zone: "Asia/Tokyo"}, "2026-11-29T20:00:00Z", true},
		"over midnight, before it":        {night, "2026-11-27T23:00:00+01:00", true},
		"over midnight, after it":         {night, "2026-11-28T05:59:59+01:00", true},
		"over midnight, at the end":       {night, "2026-11-28T06:00:00+01:00", false},
		"the morning before is not of it": {night, "2026-11-27T05:00:00+01:00", false},
		"the next evening is not of it":   {night, "2026-11-28T23:00:00+01:00", false},
		"Sunday goes on into Monday":      {schedule.Text{Days: []string{"sun"}, From: "23:00", To: "01:00", Zone: "UTC"}, "2026-11-30T00:30:00Z", true},
		"all day":                         {schedule.Text{Zone: "UTC"}, "2026-11-28T23:59:59Z", true},
		"to the day's end":                {schedule.Text{From: "20:00", To: "24:00", Zone: "UTC"}, "2026-11-28T23:59:59Z", true},
		"and not beyond":                  {schedule.Text{From: "20:00", To: "24:00", Zone: "UTC"}, "2026-11-29T00:00:00Z", false},
		"before the skipped hour":         {skipped, "2026-03-29T01:59:59+01:00", false},
		"the hour is skipped":             {skipped, "2026-03-29T03:00:00+02:00", false},
		"on other days it is there":       {skipped, "2026-03-30T02:30:00+02:00", true},
		"the hour comes first":            {skipped, "2026-10-25T02:30:00+02:00", true},
		"and comes again":                 {skipped, "2026-10-25T02:30:00+01:00", true},
		"begins inside the skipped hour":  {schedule.Text{From: "02:30", To: "04:00", Zone: "Europe/Berlin"}, "2026-03-29T03:00:00+02:00", true},
	} {
		w, faults := schedule.Read(c.text)
		if len(faults) > 0 {
			t.Fatalf("%s: %v", name, faults)
		}
		if got := w.Holds(at(t, c.at)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	var zero schedule.Window
	if zero.Holds(at(t, "2026-11-30T08:00:00Z")) {
		t.Error("the zero value holds")
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text schedule.Text
		part string
	}{
		"a day in another language": {schedule.Text{Days: []string{"lun"}, Zone: "UTC"}, "days"},
		"a long day":                {schedule.Text{Days: []string{"Monday"}, Zone: "UTC"}, "days"},
		"one digit":                 {schedule.Text{From: "8:00", Zone: "UTC"}, "from"},
		"a minute too many":         {schedule.Text{From: "08:60", Zone: "UTC"}, "from"},
		"a sign":                    {schedule.Text{From: "+8:00", Zone: "UTC"}, "from"},
		"past the day":              {schedule.Text{To: "24:01", Zone: "UTC"}, "to"},
		"begins at its end":         {schedule.Text{From: "24:00", Zone: "UTC"}, "from"},
		"no time at all":            {schedule.Text{From: "08:00", To: "08:00", Zone: "UTC"}, "to"},
		"nothing of a day":          {schedule.Text{To: "00:00", Zone: "UTC"}, "to"},
		"no zone":                   {schedule.Text{}, "time_zone"},
		"the machine's zone":        {schedule.Text{Zone: "Local"}, "time_zone"},
		"an unknown zone":           {schedule.Text{Zone: "Europe/Atlantis"}, "time_zone"},
		"a path":                    {schedule.Text{Zone: "../../etc/passwd"}, "time_zone"},
		"a long zone":               {schedule.Text{Zone: strings.Repeat("x", 100)}, "time_zone"},
	} {
		if _, faults := schedule.Read(c.text); len(faults) != 1 || faults[0].Part != c.part {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
