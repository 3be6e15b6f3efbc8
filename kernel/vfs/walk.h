// The walk along a path: path_resolution(7) and openat2(2)'s RESOLVE_*.
#pragma once
#include "kernel/vfs/operations.h"
#include "lib/string.h"

namespace vfs {
/// Goes through a path component by component. Symbolic links push their text on a stack, so that no recursion depends
/// on what users wrote. Names that the cache knows are passed without locks and references (walk_rcu()); at whatever
/// else stands there, a reference is taken and the walk goes on step by step.
class PathWalk {
public:
    /// What the last component is.
    enum class Last : u8 { name, dot, dot_dot, here }; // here: "/", or the end of a magic link

    PathWalk(const Walker& walker, u32 walk_flags) : walker_{walker}, flags_{walk_flags} {}
    PathWalk(const PathWalk&) = delete;

    /// Takes a path, which must stay valid. err::noent: empty; err::nametoolong.
    Result<> begin(std::string_view path);
    /// Goes up to the last component, which last() and name() then describe; at() is the directory it stands in, and
    /// may be searched.
    Result<> to_parent();
    /// The whole way. `follow`: the last component too, if it is a symbolic link.
    Result<Path> finish(bool follow);
    /// After to_parent() when last() is not a name: the place.
    Result<Path> finish_last();

    /// The topmost thing mounted at the child `d` of at().
    Result<Path> cross(Ref<Dentry> d);
    /// Goes on behind the symbolic link `link`, a child of at() and the path's last component; call to_parent() again
    /// then.
    Result<> follow_at_end(const Path& link);

    Path& at() { return at_; }
    Last last() const { return last_; }
    std::string_view name() const { return name_; }
    /// The path ended in a slash: only a directory will do.
    bool trailing_slash() const { return slash_; }

private:
    struct Text {
        Ref<const LinkText> owned;
        std::string_view rest;
    };
    struct RcuWalk;
    /// What a walk_rcu does with the last name: leaves it, takes it unless it is a symbolic link, or even then.
    enum class Take : u8 { parent, last, last_link };
    Result<> advance(Take);
    static Last kind_of(std::string_view name);
    bool walk_rcu(Take);
    void pass_names(RcuWalk&, Take) const;
    RcuPath start_rcu() const;
    const Path& root();
    std::string_view next();
    bool at_end();
    Result<> search();
    Result<> follow(const Path& link);
    Result<> step(std::string_view name);
    Result<> up();

    const Walker& walker_;
    u32 flags_;
    Path at_;               // null before the first step
    Path root_;             // see root()
    std::string_view rest_; // of the caller's path
    Vector<Text> links_;    // texts of symbolic links, the innermost last
    std::string_view name_;
    Last last_ = Last::here;
    bool slash_ = false, absolute_ = false;
    unsigned followed_ = 0;
};

/// The child of a directory from the cache or the file system; negative when there is none.
/// err::nametoolong. Takes the directory's lock.
Result<Ref<Dentry>> look_up(Dentry& directory, std::string_view name);
/// The same for callers that hold the directory's lock.
Result<Ref<Dentry>> look_up_locked(Dentry& directory, std::string_view name);
} // namespace vfs
