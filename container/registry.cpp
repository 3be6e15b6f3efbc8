#include "container/registry.h"

namespace container {
namespace {
constinit Registry::Lock registry_lock;
} // namespace

Registry::Lock& Registry::lock() { return registry_lock; }
Registry::Set& Registry::all() {
    [[clang::no_destroy]] static Set containers; // made on first use: there are no global constructors
    return containers;
}

Container* Registry::find(std::string_view id) {
    auto at = all().find(id);
    return at == all().end() ? nullptr : &*at;
}
void Registry::add(Ref<Container> c) { all().insert(*c.release()); }
Ref<Container> Registry::take(Container& c) {
    all().erase(all().iterator_to(c));
    return Ref<Container>::adopt(&c);
}

Result<Container*> find_or_complain(std::string_view id, json::Complaint& why) {
    if (Container* found = Registry::find(id)) return found;
    why.say("there is no container \"{}\"", id.substr(0, 64));
    return err::noent;
}
std::unexpected<Errno> wrong_state(const Container& c, std::string_view wanted, json::Complaint& why) {
    why.say("container {} is {}, not {}", c.id.view(), status_name(c.status), wanted);
    return err::busy;
}

std::string_view status_name(Status status) {
    switch (status) {
    case Status::creating: return "creating";
    case Status::created: return "created";
    case Status::running: return "running";
    case Status::stopped: return "stopped";
    }
    return "";
}

void Container::print_state(Writer& out) const {
    print(out, "{{\"ociVersion\":");
    json::print_string(out, spec.oci_version);
    print(out, ",\"id\":\"{}\",\"status\":\"{}\"", id.view(), status_name(status));
    if (first && (status == Status::created || status == Status::running))
        print(out, ",\"pid\":{}", first->pid(PidNamespace::root()));
    out.write(",\"bundle\":");
    json::print_string(out, bundle);
    if (!spec.annotations.empty()) {
        out.write(",\"annotations\":{");
        for (usize i = 0; i < spec.annotations.size(); i++) {
            if (i) out.write(",");
            json::print_string(out, spec.annotations[i].name);
            out.write(":");
            json::print_string(out, spec.annotations[i].value);
        }
        out.write("}");
    }
    out.write("}");
}

Result<> print_state(std::string_view id, Writer& out, json::Complaint& why) {
    Holding held{Registry::lock()};
    TRY(find_or_complain(id, why))->print_state(out);
    return {};
}
void print_list(Writer& out) {
    Holding held{Registry::lock()};
    bool first = true;
    out.write("[");
    for (const Container& c : Registry::all()) {
        if (!std::exchange(first, false)) out.write(",");
        c.print_state(out);
    }
    out.write("]");
}
} // namespace container
