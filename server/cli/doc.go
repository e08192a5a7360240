// Package cli is the command line of `concord`: one file for each verb.
//
// It owns flags, environment, exit codes, signals and how answers are laid out for people (tables) and programs (-o json).
// Verbs that start something hand over to app or gate; all others are ordinary clients of the admin listener and have no
// rights beyond their token's. Main never calls os.Exit and reads no environment but the one it is given, so that tests
// run whole commands.
package cli
