package app

// Bounded lets a test see who is let in.
var Bounded = bounded
