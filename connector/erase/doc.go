// Package erase removes all that a warehouse holds of some people, keeps it
// removed, and keeps a record of it that does not say who they are.
//
// An erasure goes on in this order:
//
//  1. A row erase of the table erasures is committed, and seen: the person is
//     erased. Every merge that begins later leaves their rows out.
//  2. Every fence is raised: no merge that began earlier can commit.
//  3. What is pending is folded, for the books of a batch count rows of its log:
//     they can be removed once it is merged.
//  4. Messages that name no user are searched, and rows of the person removed,
//     from latest tables and logs.
//  5. After Settle, when every receiver knows of it, 3 and 4 are done again,
//     until nothing is found. That is the verification.
//  6. What the warehouse keeps of removed rows is given up, where it can be told
//     to, and a row complete is written.
//
// Only hashes are kept and needed, so that an erasure that was broken off goes on
// where it was, and a Sweep can do all of them again. Nothing that it says or
// returns holds an id of a user or a value.
package erase
