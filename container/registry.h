// All containers, by id.
#pragma once
#include "container/container.h"
#include "core/sync/lock.h"

namespace container {
/// The list holds one reference to each. Its lock guards the list and every container's life.
class Registry {
public:
    using Lock = Mutex<Rank::container>;
    static Lock& lock();
    // All with the lock held.
    static Container* find(std::string_view id);
    static void add(Ref<Container>);
    /// Takes it out of the list; the caller lets the reference go after the lock.
    static Ref<Container> take(Container&);
    static List<Container>& all();
};

/// The running, created... container with an id, with the lock held; err::noent with a complaint.
Result<Container*> find_or_complain(std::string_view id, json::Complaint&);
/// err::busy: "container c1 is created, not running".
std::unexpected<Errno> wrong_state(const Container&, std::string_view wanted, json::Complaint&);
} // namespace container
