package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on a machine that has none
)

const day = 24 * 60 // minutes

// Days are the names of the days of a week, Monday first.
func Days() []string { return []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"} }

// Window is a span of time on some days of each week. Its zero value never holds.
type Window struct {
	days     [7]bool // by time.Weekday: whether one begins on that day
	from, to int     // minutes of the day; to is 1440 at most
	zone     *time.Location
}

// Text is a window as it is written.
type Text struct {
	Days     []string // of Days; none = all
	From, To string   // "HH:MM"; "" = the beginning and the end of the day
	Zone     string   // of the IANA time zone database: "Europe/Berlin"
}

// Fault says what is wrong with a part of a window.
type Fault struct {
	Part   string // days, from, to or time_zone
	Detail string
}

// Read makes a window, or gives all that is wrong with it.
func Read(t Text) (Window, []Fault) {
	var faults []Fault
	note := func(part string, err error) {
		if err != nil {
			faults = append(faults, Fault{part, err.Error()})
		}
	}
	w := Window{to: day}
	var err error
	w.days, err = readDays(t.Days)
	note("days", err)
	if t.From != "" {
		w.from, err = Clock(t.From)
		if err == nil && w.from == day {
			err = fmt.Errorf("%q ends a day and begins none; write 00:00", t.From)
		}
		note("from", err)
	}
	if t.To != "" {
		w.to, err = Clock(t.To)
		note("to", err)
	}
	if len(faults) == 0 && w.from == w.to {
		note("to", fmt.Errorf("is the same as from; leave both out for the whole day"))
	}
	w.zone, err = Zone(t.Zone)
	note("time_zone", err)
	return w, faults
}

func readDays(names []string) (days [7]bool, err error) {
	if len(names) == 0 {
		return [7]bool{true, true, true, true, true, true, true}, nil
	}
	for _, n := range names {
		i := slices.Index(Days(), n)
		if i < 0 {
			return days, fmt.Errorf("%q is not one of %s", clip(n), strings.Join(Days(), ", "))
		}
		days[(i+1)%7] = true // time.Sunday is 0
	}
	return days, nil
}

// Clock reads "HH:MM", 00:00 to 24:00, in minutes.
func Clock(s string) (int, error) {
	h, m, ok := strings.Cut(s, ":")
	hours, errH := strconv.ParseUint(h, 10, 8)
	minutes, errM := strconv.ParseUint(m, 10, 8)
	if !ok || len(s) != 5 || len(h) != 2 || errH != nil || errM != nil || minutes > 59 || hours*60+minutes > day {
		return 0, fmt.Errorf("%q is no time of day; write hours and minutes, 00:00 to 24:00", clip(s))
	}
	return int(hours*60 + minutes), nil
}

// Zone finds a time zone by its name in the IANA database. "Local" is none: it would be another one on another machine.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" || len(name) > 64 {
		return nil, fmt.Errorf("%q is no time zone; name one of the IANA database, such as Europe/Berlin, or UTC", clip(name))
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is no time zone of the IANA database; write one such as Europe/Berlin, or UTC", clip(name))
	}
	return z, nil
}

// Holds says whether a clock in the window's zone shows a time inside it at t. from belongs to the window, to does not. Where to is
// not later than from, the window goes on after midnight and belongs to the day on which it began.
func (w *Window) Holds(t time.Time) bool {
	if w.zone == nil {
		return false
	}
	local := t.In(w.zone)
	now, today := local.Hour()*60+local.Minute(), local.Weekday()
	if w.from < w.to {
		return w.days[today] && now >= w.from && now < w.to
	}
	yesterday := (today + 6) % 7
	return w.days[today] && now >= w.from || w.days[yesterday] && now < w.to
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
