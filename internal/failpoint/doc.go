// Package failpoint lets `make torture` and its tests break a server on purpose: end it at a named point, switch a guarantee
// off to see that its absence is noticed, or have it pose as another version.
//
// In a normal build every function of it is empty and the compiler removes the calls, so that nothing in the environment of a
// server can reach them. They work only in a program that was built with the tag failpoints, which nothing but
// internal/testkit builds. Any room may call it; it knows none.
package failpoint
