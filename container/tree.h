// A container's file tree: a snapshot of the bundle's root, and on it the mounts that the spec asks for.
#pragma once
#include "container/spec.h"
#include "kernel/vfs/operations.h"
#include "kernel/views/view.h"

namespace container {
/// Makes the tree. Nothing is copied: the snapshot shares the bundle's pages until either side changes them. `host`
/// walks the host's tree (the bundle, sources of bind mounts). Memory is charged to the current account. A failure's
/// complaint names the field.
Result<Ref<vfs::MountTree>> make_tree(const vfs::Walker& host, const vfs::Path& bundle, const Spec&, View&,
                                      json::Complaint&);
/// Credentials that may do anything in a tree under construction. What they make belongs to the namespace's root.
Result<Ref<const Credentials>> builder_credentials(const UserNamespace&);
} // namespace container
