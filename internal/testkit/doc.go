// Package testkit starts real data centers for tests and plays the people around them.
//
// A DataCenter is a whole node in this process, on loopback, on ports that the system chooses; a Process is the same as a
// program of its own, which can be killed. Link makes one the master of others through the admin API, as an administrator
// would. A Browser is a person with a cookie jar, an Application what an agent in front of it asks. Only tests import the
// package; it knows no rule of the product, so a test can judge by it. What it starts ends with the test.
package testkit
