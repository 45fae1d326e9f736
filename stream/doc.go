// Package stream is the network between a capitol and its cities, and the only
// importer of the websocket library. It touches sockets; disks are behind
// [Source] and [Subscriber].
//
//	capitol                                              city
//	journal ──cursor──▶ Server ═══ websocket ═══ Client ──▶ Subscriber (applier)
//	disk ───[Source]──▶   │                        │ ◀──── Fetch (applier)
//	                      └── HTTP: trees, events, content, healthz, metrics
//
// # What it promises
//
//   - A city that resumes gets every node that changed since its position, and
//     whatever it confirms as its position is complete: no gaps.
//   - No queue per city. A subscription is a place in the journal and a wake-up.
//     What is on its way to a city is bounded by a window that the city opens,
//     and cities at the same place share one read, one encoding and the content in it.
//   - Nothing that a peer sends is believed before it was measured: sizes, counts
//     and lengths first, then [journal.Node.Validate]. No path ever travels from a
//     city to a capitol on the stream; content is asked for by node and digest.
//   - A connection that stands still ends: both sides send heartbeats, every read
//     and write has a deadline, and the kernel ends sockets whose bytes are not
//     acknowledged (TCP_USER_TIMEOUT). The city dials again, for ever.
//
// # The wire
//
// What follows is enough for another implementation. Everything that is not
// written here is a fault of the protocol: the connection ends.
//
// A city opens
//
//	GET /v1/trees/NAME/stream HTTP/1.1
//	Upgrade: websocket
//	Sec-WebSocket-Protocol: hydrasync.v1
//	Authorization: Bearer TOKEN           (if the capitol wants one: its token, or a city's credential)
//
// without an Origin header (browsers are refused with 403) and without
// permessage-deflate. 401 and 403 mean that the request may not be heard, 404
// that there is no such tree, 400 that no subprotocol is in common, 426 that
// this is no websocket; these are final and have a JSON body {"error", "hint"}. 429 with
// Retry-After asks to keep away for so many seconds.
// Any other answer is worth another attempt. Redirects are not followed.
//
// A city gets its credential with
//
//	POST /v1/join HTTP/1.1
//	{"code": SECRET, "credential": TOKEN}
//
// The city draws the credential: if the answer is lost, it says the same again, until the code expires.
// Without one the capitol draws it. The answer is {"city": NAME, "credential": TOKEN, "node": ID of the
// capitol, "trees": [{"name", "sub_dirs"}], "plan": true where the city is to follow the plan
// of this machine}, names in base64; 403 means that the code is not good.
// A credential and a code's secret are "hsc_" and 32 random bytes in base64url. With a credential everything
// below is limited to what is granted: other trees answer 404, and other content is moved.
//
// Every message is binary and is one frame:
//
//	┌──────────┬──────────────┬─────────────────────────────┐
//	│ kind (1) │ encoding (1) │ payload                     │
//	└──────────┴──────────────┴─────────────────────────────┘
//	             0 plain        one CBOR map (RFC 8949)
//	             1 packed       the same in one zstd frame (RFC 8878) that announces
//	                            its content size and has no dictionary
//
// A message measures at most [MaxFrame] + 2 bytes ([MaxClientFrame] + 2 from a city), and
// its payload no more once it is unpacked. A capitol packs only for a city whose hello has the
// feature "zstd"; a city may pack or not. Maps have integer keys;
// unknown keys are ignored, which is how frames grow within a version; a
// missing key is zero, empty or false. Names, paths, targets and texts are byte strings, never text
// strings. Definite lengths only, no tags, no key twice, at most 16384 elements
// an array, 32 pairs a map, 8 levels. What this package sends is in core
// deterministic encoding.
//
// In the tables below: pos is {1 epoch (16 bytes), 2 seq, 3 tree digest (32
// bytes)}; times are ns since 1970 unless they say ms; digests are SHA-256, 32 bytes.
//
// # Frames of a city
//
//	1 hello    1 versions [uint], 2 tree, 3 position pos, 4 sub_dirs [bytes], 5 features [bytes],
//	           6 has_content bool, 7 compare bool, 8 city's name, 9 heartbeat ms, 10 window bytes,
//	           11 the name by which it has joined, 12 replica, 13 version of its program
//	2 want     1 request, 2 node, 3 digest, 4 generation, 5 offset, 6 length
//	3 cancel   1 request
//	4 pulse    1 position pos, 2 scope digest
//	5 credit   1 consumed bytes
//	6 list     1 request, 2 node, 3 digest            (feature "chunks")
//	7 report   1 id, 2 parent, 3 name, 4 role (1 city, 2 relay, 3 capitol), 5 address,
//	           6 serves, 7 version, 8 tls bool, 9 from, 10 state, 11 why, 12 percent, 13 since,
//	           14 position pos, 15 behind, 16 level, 17 verified {1 at, 2 missing, 3 differs,
//	           4 repaired}, 18 lost (1 unreachable, 2 uncertain), 19 lost since, 20 tree
//	           (feature "report")
//
// # Frames of a capitol
//
//	16 welcome  1 version, 2 mode (1 resume, 2 catch-up, 3 full), 3 reason, 4 position pos,
//	            5 nodes, 6 bytes, 7 features [bytes], 8 heartbeat ms, 9 waits bool,
//	            10 lineage [ancestor]
//	17 batch    1 entries [entry], 2 bodies [{1 node, 2 offset, 3 bytes}], 3 position pos,
//	            4 full bool, 5 full done bool
//	18 content  1 request, 2 offset, 3 last bool, 4 bytes
//	19 moved    1 request, 2 failed bool, 3 text
//	20 beat     1 position pos, 2 scope digest, 3 in line bool
//	21 error    1 code, 2 text, 3 permanent bool
//	22 chunks   1 request, 2 grain, 3 count, 4 chunks bytes   (feature "chunks")
//	23 lineage  1 lineage [ancestor]                  (feature "lineage")
//
// An entry is {1 seq, 2 time, 3 path, 4 node, 5 gone, 6 note, 7 tree digest, 8
// body seq, 9 place seq} with exactly one of 4, 5 and 6: the state of a node, the id
// of a node that is gone (with all beneath it), or a note {1 kind, 2 since, 3 text}.
// The path is for people and may lack its beginning.
//
// A node is {1 id, 2 parent, 3 name, 4 kind (1 file, 2 dir, 3 symlink), 5 mode, 6
// uid, 7 gid, 8 mtime s, 9 mtime ns, 10 generation, 11 size, 12 digest, 13
// target, 14 link group, 15 xattrs [[name, value]]} and has to pass
// [journal.Node.Validate].
//
// # Shaking hands
//
// Within 10 s of the upgrade the city sends hello and the capitol answers
// welcome or error. The version is the highest that both speak; without one the answer is
// error 2, permanent. There is one version now: 1. Features are what a side can do
// beyond the version; those in the welcome are in use.
//
// The heartbeat's interval is the city's wish, but not longer than the capitol's own setting and
// not shorter than the smaller of that and 1 s; the welcome has what was settled. Both
// sides send at least so often (4 and 20) and may end a connection that is
// silent for three times as long.
//
// The mode follows from the position. Resume and catch-up are the same read: each
// node that changed after the position once, in its newest state. Full
// is for a city without position, of another epoch, behind what the capitol
// keeps, with another digest at that seq or ahead of the capitol (one of both
// was rolled back), or that asks to compare; the reason says which. A city that changes its sub_dirs has to ask.
//
// While a capitol walks its tree for the first time, its journal names a part of it. A full
// comparison by a city with has_content begins after that; the welcome then says waits. Others begin at once.
//
// # Relays
//
// A relay serves what it mirrors, with the epoch, numbers, ids and digests of the capitol, so a
// city may go on from its position at any of them. Its log may have gaps; a
// position in one is taken, and what was not the same history is found by the next beat.
//
// An ancestor is {1 id, 2 name, 3 capitol bool}: a place that the tree came through.
// The lineage is all of them, the capitol first, the server itself last; a relay that has no
// connection is alone in its own. A hello's replica is the id under which the city would
// stand in the lineages of its own cities; a server that has it in its lineage refuses (error 8, permanent).
// When the lineage changes, the next heartbeat comes after a frame 23.
//
// A relay may have only some sub_dirs. It refuses a hello that asks for more than that (error
// 9, permanent). A relay whose lineage does not begin at a capitol compares nobody who has a
// position: error 6. So it does with a city that is ahead of it, unless it was there itself.
//
// # Reports
//
// With the feature "report" a city says how its replica is, and a relay also how those are
// that pull from it, directly or not: each in a frame of its own, when something of it is new. Times in
// a report are ms before it was sent, at least 1; 0 is never. Parent is the id (as in a lineage) of the
// place that is pulled from; serves, where it serves on; from, the URL that is followed; tree, its name there; behind, the
// entries that it lacks; level, when both ends were last equal, if they are not.
//
// A report of the hello's replica has no name, any other has one. What the capitol knows of the city
// itself takes the place of its parent, name, address, version and tls, and it is not lost. Reports of
// places in the tree's lineage are dropped. Everything in a report is for people: nothing follows from it.
//
// # Order
//
// Batches are to be applied in their order, each as a set. In a batch no node
// stands twice; a node's parent is in the same batch before it, or came in an
// earlier one, or was there. A name may be taken in a batch before its former
// owner is moved or gone. An entry whose seq is not above what the city knows of that
// node changes nothing: after a break, batches may be told again.
//
// A batch's position is the city's position once it and all before it are
// applied. A batch without position does not move it: it is a part of something that
// the next batches complete. In a full comparison (full is true) only the last
// batch (full done) has one; then every node that was not named since the
// welcome does not exist. What changed meanwhile follows. To a city that said neither position
// nor has_content, files and links that are newer than that position are not
// named: they follow with all else.
//
// Bodies are content that travels unasked: at most [MaxInline] bytes for a file
// of the same batch, from offset to exactly the file's end. It is there when the
// bytes changed after the city's position (or in a full comparison by a city
// without has_content) and are few. An offset above zero promises that the
// capitol told this tree's cities of the bytes before it, in the same generation; a city that
// has less asks for what it lacks. Everything else is asked for.
//
// # Content
//
// A want asks for 1 to [MaxWant] bytes of a node's content, which has to be the
// node's content now (by digest), or the beginning of it (same generation, not
// beyond its size). The answer is content frames in ascending order without
// gaps, each of 1 to [MaxContent] bytes, the last with last; or moved, at any point: the
// node has other content by now and a batch will say so, or (failed) it could not be read.
// Requests are numbered by the city, from 1 upward. At most [MaxWants] may be open
// at once; answers to several interleave. After cancel the answer may stop
// without a last frame. Batches go before content.
//
// # Chunks
//
// With the feature "chunks" a city may ask for the list of a content, to fetch of
// an edited file only what it does not have. The list is of the node's content
// now, or of one that it had before, if the capitol still has that list. The answer is one
// chunks frame, or moved. Lists are numbered and counted with wants, and taken back
// by cancel.
//
// A chunk is its length as an unsigned LEB128 number and, in 8 bytes little-endian, the
// xxHash64 (seed 0) of its bytes; count of them follow one another. The lengths add up to the
// content's size. With G = 2^grain, grain in 14…27, each is G÷2 to 4G bytes, the last
// 1 to 4G. There are at most 65536. The grain is the capitol's choice, one more or less
// than the smallest g with size ≤ 12288 × 2^g; lists of different grains have
// nothing in common. Contents below 1 MiB have no list.
//
// The borders are found so: from a chunk's beginning, h is zero before byte G÷2 - 63
// (counted from 1), and each byte b from there on makes it 2h + gear[b] modulo 2^64. The chunk ends
// with the first byte from G÷2 on after which h < 2^(63-grain), or, from byte G+1 on,
// h < 2^(66-grain); with byte 4G; or with the content. gear[0…255] are the first 256 numbers of
// splitmix64 from the seed 0x6879647261636863.
//
// A list proves nothing: what was put together is compared with the digest.
//
// # Credit
//
// The capitol stops sending batches while the payload bytes it has sent in them
// (unpacked) exceed the consumed bytes that the city has told by the hello's
// window or more; one batch may exceed it. Consumed only grows. So a city reads all the time,
// however slow its disk is: heartbeats and the content that its disk waits for are never stuck
// behind batches.
//
// # Heartbeats
//
// A beat with a scope digest is the proof of "in step": the city, when it has
// applied exactly that position, adds up its own nodes and compares. Equal: in
// step. Different: it connects again with compare. Without scope digest it
// claims nothing, and before the first walk has ended it cannot. One is sent as soon as the capitol has nothing more to tell,
// and soon after each batch. When only entries outside the city's sub_dirs were
// made, an empty batch brings the position before it. A beat that is in line says that
// others are brought up to date first: batches, and content that was asked for, come later. A pulse tells what is on the city's disk; one for
// an entry that was never sent ends the connection.
//
// # Errors
//
// Code 1 protocol, 2 version, 3 tree, 4 too much at once, 5 internal, 6 stale
// (the city's place was compacted away or the journal began a new epoch: come
// again), 7 grant (more is asked for than the city may have, the credential is of another city, or
// what it may have was changed), 8 loop, 9 portion. The capitol closes after it. Permanent: the same hello will be
// refused again.
//
// # Limits of this implementation
//
// A copy of a small file is sent although the city may hold the same bytes
// under another name; only what is larger than [MaxInline] is asked for and
// so saved. What a city may have of a tree are whole directories; with a directory come the
// names and states of those on the way to it, the tree's seq and the whole tree's digest.
package stream
