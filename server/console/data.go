package console

import (
	"strconv"
	"strings"
	"time"
)

// Page is what every page has. Text is needed; the other fields may be empty.
type Page struct {
	*Text
	DataCenter string // display name or cluster id of the data center that answers
	Inside     bool   // the page carries its style inside, for a host that has none of our files
}

// Login fills the sign-in form.
type Login struct {
	Page
	Application string // where the person goes next, such as the host; "" when they came by themselves
	Request     string // R, returned as it is in the field "request"; "" = none
	To          string // where the person goes next on this host, returned in the field "to"; "" = the page that says they are signed in
	Package     string // name of the package that the person wanted, returned in the field "package"; "" = none
	Token       string // form token, returned in the field "token"
	User        string // what was typed before, to spare typing it again
	Method      string // of this step: "certificate" has a button and no fields; "" and all others ask for name and password
	Step, Steps int    // which step of how many; Steps below 2 = it is not said
	Fixed       bool   // User has passed the steps before, and is not asked for again
	Progress    string // what was passed so far, returned in the field "progress"; "" = nothing
	StepUp      bool   // the person is signed in, and the application asks for more
	Error       string // a sentence about the last attempt; "" = first attempt
}

// Certificate says that this step asks for a certificate.
func (d Login) Certificate() bool { return d.Method == "certificate" }

// More says that another step follows this one.
func (d Login) More() bool { return d.Step < d.Steps }

// StepSentence says which step of how many this is.
func (d Login) StepSentence() string {
	return d.Say("login.step", strconv.Itoa(d.Step), strconv.Itoa(d.Steps))
}

// SignedIn fills the page of somebody who is signed in already.
type SignedIn struct {
	Page
	User      string
	Name      string // display name; "" = User is shown
	SignedIn  time.Time
	ExpiresAt time.Time
}

// Logout fills the question before signing out.
type Logout struct {
	Page
	User  string // "" = nobody is signed in; the page says so and has no form
	Token string // form token, returned in the field "token"
}

// SignedOut fills the confirmation.
type SignedOut struct {
	Page
	Receipts []Receipt // this data center first
}

// Receipt says whether one data center knows that the sign-on has ended.
type Receipt struct {
	DataCenter string
	Done       bool // false: it cannot be reached now and is told when it returns
}

// Complete says that every data center knows.
func (d SignedOut) Complete() bool {
	for _, r := range d.Receipts {
		if !r.Done {
			return false
		}
	}
	return true
}

// Sessions fills the page of a person's own sign-ins.
type Sessions struct {
	Page
	User    string
	Token   string // form token, returned in the field "token"
	SignOns []SignOn
	Silent  []string // data centers that could not be asked
	More    bool     // there are more than are listed
	Notice  string   // what the last click did; "" = nothing to say
}

// Password fills the page on which people change their password.
type Password struct {
	Page
	User    string
	Token   string // form token, returned in the field "token"
	Foreign bool   // the password is kept by another directory; there is no form
	Error   string // a sentence about the last attempt; "" = first attempt
	AtNew   bool   // Error is about the new password, not about the present one
	Least   int    // characters of a new password
}

// Hint says what a new password must be.
func (d Password) Hint() string { return d.Say("password.hint", strconv.Itoa(d.Least)) }

// SignOn is one sign-in of the person.
type SignOn struct {
	ID          string // returned in the field "sso"
	This        bool   // of this browser
	Address     string // of the client; "" = not known
	SignedIn    time.Time
	LastUsed    time.Time
	DataCenters string // names, with commas
}

// Others says whether there are sign-ins besides this browser's.
func (d Sessions) Others() bool {
	for _, s := range d.SignOns {
		if !s.This {
			return true
		}
	}
	return false
}

// SilentSentence names the data centers that could not be asked.
func (d Sessions) SilentSentence() string {
	return d.Say("sessions.silent", strings.Join(d.Silent, ", "))
}

// Error fills the page about a trouble. All fields are plain text.
type Error struct {
	Page
	Title     string // "This link has expired"
	Sentence  string // what happened
	WhatToDo  string // the next step; "" = none
	Link      string // where the next step is, a path of this host or an http(s) address; "" = no link
	LinkText  string // what the link says; goes with Link
	RequestID string // for the log; "" = not shown
}
