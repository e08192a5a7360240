// Command demo is `make demo`: it shows Concord's main job from an empty folder and checks each step.
//
// It lays out two data centers in .demo, starts each as a process of its own, lets Terraform apply
// examples/two-data-centers, starts two small applications with an agent before each, walks through them as a person with
// a browser would, kills a data center and brings it back, and asks Terraform for a plan that must be empty. Every step is
// a line; the last line is "demo: N passed, M failed". It uses only what a user can use: the two binaries, the admin API,
// web pages. It needs neither root nor a network, ends what it started, and with KEEP=1 leaves all running and says how to
// stop it. BASE_PORT (7400) moves the ports.
package main
