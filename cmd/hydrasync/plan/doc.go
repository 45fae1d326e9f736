// Package plan is what a config file says of several machines: which part of it is whose,
// and what cannot be meant. It touches nothing; the file's keys are the command's.
//
//	file ──Part──▶ the [[highway]] blocks of one city ──▶ that city
//	dirs ──Nested──▶ two highways into one directory
//	ways ──Orphans──▶ relays that only feed one another
package plan
