// All containers, by id.
#pragma once
#include "container/container.h"
#include "core/wait/mutex.h"

namespace container {
/// The set holds one reference to each. Its lock guards the set and every container's life.
class Registry {
    struct ById {
        using type = std::string_view;
        type operator()(const Container& c) const { return c.id.view(); }
    };

public:
    using Set = bi::set<Container, bi::base_hook<TreeLink<>>, bi::key_of_value<ById>, bi::constant_time_size<false>>;
    using Lock = Mutex<Rank::container>;
    static Lock& lock();
    // All with the lock held.
    static Container* find(std::string_view id);
    static void add(Ref<Container>); // none has its id
    /// Takes it out of the set; the caller lets the reference go after the lock.
    static Ref<Container> take(Container&);
    static Set& all();
};

/// The running, created... container with an id, with the lock held; err::noent with a complaint.
Result<Container*> find_or_complain(std::string_view id, json::Complaint&);
/// err::busy: "container c1 is created, not running".
std::unexpected<Errno> wrong_state(const Container&, std::string_view wanted, json::Complaint&);
} // namespace container
