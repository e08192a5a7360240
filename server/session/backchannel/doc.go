// Package backchannel tells agents that a sign-on has ended, over an address that they registered (OAM-37, OpenID Connect Back-Channel
// Logout 1.0): so that what an application or a gate remembers of it goes at once (OAM-L5).
//
// It owns what agents each sign-on used, and the calls that are still to be made: the prefixes g/, w/ and l/ of the sessions store. The
// engine calls Use when a code was redeemed and End when revocations came into force, and runs Run; app carries the calls. It must not
// know HTTP, tokens or how an agent is registered.
//
// Guarantees. A data center tells the agents whose codes were redeemed in it, so each is told by one data center, or by those that it
// was redeemed in. Use is on stable storage before the agent's cookie is given, and a call before End returns; a revocation that was
// written when the process ended is found at the next start. A call is repeated, with pauses from half a second to a minute, until it was
// taken, was refused as wrong, or is a day old; an agent that does not answer delays nobody but itself.
package backchannel
