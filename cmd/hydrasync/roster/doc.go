// Package roster is what a machine knows of all replicas: its own, those of the cities
// that are connected to it, and those beneath them, of which they tell.
//
//	own cities, own trees ──Own──▶ ┌────────┐ ──Follow──▶ source's capitol, registry
//	server ──stream.Visitors─────▶ │ Roster │ ──Nodes───▶ hydrasync net
//	registry ──Come, Told, Leave─▶ └────────┘ ◀──keeps──▶ ledger
//
// # What it promises
//
//   - Nobody speaks for another. A row belongs to who told it, by what he has proved; what a
//     city tells of others stands beneath it, and never in the place of what these tell here.
//   - It is bounded, whatever cities tell: [maxBeneath] replicas each, [maxRows] in all. Who has
//     been lost for longest goes first.
//   - Upward goes what is new, at most once a [Step], and at rest nothing. So with the ledger:
//     who comes and goes is kept soon, all else once a minute.
//   - Who is lost stays listed, over a restart too, for [ledger.KeepRuns].
package roster
