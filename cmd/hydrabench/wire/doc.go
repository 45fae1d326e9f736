// Package wire is what hydrabench does with connections: it asks the kernel how
// many bytes they carried, and stands between two ends as a slow, far road.
package wire
