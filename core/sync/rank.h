// The lock order of the whole kernel, outermost first: this list is the documentation and the check.
// A thread may take a lock only if its rank stands below (is greater than) every lock the thread holds. Locks of one
// rank nest only by lock_second(), in an order that is the caller's: by address, from a directory down to one in it, or
// among queues of which none leads back to another. Locks that are only tried have no order.
#pragma once
#include "lib/types.h"
#include <source_location>

enum class Rank : u8 {
    // Mutexes: may sleep while held.
    file_position, // an open file's offset; held over the whole call that moves it
    container,     // the table of containers and each one's life
    process,       // what one process keeps: its timers, the files that send it signals
    mount,         // the mount tree of a view
    rename,        // one cross-directory rename per file system
    directory,     // entries of one directory
    epoll_graph,   // which epoll watches which
    epoll_control, // what one epoll watches
    snapshot,      // changes of a file system share it; page faults do so under whatever they hold
    file_io,       // one writer per inode; held while user memory is copied
    sysv_undo,     // which semaphore sets a process has changed
    sysv_table,    // the System V objects of one kind in a namespace
    sysv_object,   // one of them
    pipe,          // a pipe's ring; held while user memory is copied
    stream,        // what a terminal's master, a timerfd or /dev/kmsg reads from; held while bytes go to user or a pipe
    socket,        // a socket; held while user memory is copied
    bridge,        // who joins the bridge
    network_configuration, // what a network has of interfaces and addresses, while it changes
    in_flight,             // which sockets are on their way in messages of which
    tty,                   // a terminal's state
    files,                 // growing a file table
    address_space,         // the areas of an address space; page faults take it
    inode,                 // an inode's own data and page tree; taken by page faults
    mappings,              // the areas that map one object
    // Spinlocks: interrupts off, never sleep.
    page_table,    // entries of an address space's tables
    dentry,        // the dentry cache
    tasks,         // the process tree: parents, groups, sessions, process numbers
    descriptors,   // the slots of a file table
    socket_names,  // some of the names that sockets are bound to
    socket_state,  // a socket's protocol; of two, the lower address first
    socket_ports,  // a bucket of the tables that lead from ports to sockets
    neighbours,    // who is on an interface's link
    network,       // a network's interfaces, addresses and routes
    network_queue, // what waits for a device, or has come over loopback
    signals,       // one process's signal state
    handlers,      // one set of signal dispositions
    futex,         // a bucket of waiting futexes
    epoll,
    irq_line,    // who serves a line
    device,      // a device driver's queue
    unsent,      // who has sent what devices have
    work,        // a CPU's list of interrupt work
    wait_queue,  // one wait queue
    run_queue,   // a CPU's run queue; a second one only by trying
    timer,       // a CPU's timers
    retired,     // memory that readers may still see
    accounts,    // memory accounts
    vmap,        // page tables of the vmap space
    stacks,      // the cache of kernel stacks and the vmap space
    magazine,    // a CPU's cache of heap objects
    slab,        // the slabs of one size class
    frame_cache, // a CPU's cache of frames
    frames,      // the buddy allocator
    once,        // making an object that is made once
    random,      // the entropy pool
    log,
};

/// Checks of the order, in check builds only (RUNDLET_CHECK); nothing in a release.
namespace lockdep {
#if RUNDLET_CHECK
void will_take(Rank, const void* lock, std::source_location);
/// The same for lock_second(): one of this rank is held.
void will_take_second(Rank, const void* lock, std::source_location);
/// It has been taken by trying.
void has_taken(Rank, const void* lock, std::source_location);
void dropped(Rank, const void* lock);
/// Panics if a spinlock is held or interrupts are off: this function may sleep.
void might_sleep(std::source_location);
/// Panics if this CPU holds a spinlock: an interrupt is about to take the CPU from the thread that it came to.
void preempts();
#else
inline void will_take(Rank, const void*, std::source_location) {}
inline void will_take_second(Rank, const void*, std::source_location) {}
inline void has_taken(Rank, const void*, std::source_location) {}
inline void dropped(Rank, const void*) {}
inline void might_sleep(std::source_location) {}
inline void preempts() {}
#endif
} // namespace lockdep
