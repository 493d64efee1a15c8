// Package erase removes all that a warehouse holds of some people, keeps it
// removed, and keeps a record of it without saying who they are.
package erase
