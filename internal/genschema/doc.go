// Command genschema writes to standard output what `terraform providers schema -json` says of this provider, under the
// address that is its argument.
//
// The documentation generator reads it (make generate), so that documentation needs no terraform binary and shows what
// older ones do not know, such as resource identity. It asks the provider in-process and calls no server.
package main
