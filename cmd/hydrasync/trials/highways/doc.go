// Package highways tries networks of machines with the built program: who may
// join and who may not, what a revoked city still gets, and where secrets are seen.
//
// A capitol listens on every address, so it speaks TLS with its own certificate; cities
// come by 127.0.0.1. What was refused must be named in the capitol's log, and must have
// left nothing on the city's disk.
//
// A public authority is Let's Encrypt's own server for tests, which proves names over TLS and
// over HTTP; its certificates last for seconds, so that they are renewed while a city is connected.
package highways
