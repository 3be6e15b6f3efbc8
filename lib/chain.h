// A doubly linked intrusive list that needs no constructor at run time: for `constinit` globals, where
// Boost.Intrusive's lists (whose header points to itself) cannot stand.
#pragma once

template <class T>
struct ChainLink {
    T* next_in_chain = nullptr;
    T* previous_in_chain = nullptr;
};

/// T derives from ChainLink<T>. An element is in one chain at a time.
template <class T>
class Chain {
public:
    constexpr Chain() = default;
    Chain(const Chain&) = delete;
    T* first() const { return first_; }
    static T* after(const T& e) { return e.ChainLink<T>::next_in_chain; }
    bool empty() const { return !first_; }

    void push_back(T& e) {
        e.next_in_chain = nullptr;
        e.previous_in_chain = last_;
        (last_ ? last_->next_in_chain : first_) = &e;
        last_ = &e;
    }
    void push_front(T& e) {
        e.previous_in_chain = nullptr;
        e.next_in_chain = first_;
        (first_ ? first_->previous_in_chain : last_) = &e;
        first_ = &e;
    }
    void erase(T& e) {
        (e.previous_in_chain ? e.previous_in_chain->next_in_chain : first_) = e.next_in_chain;
        (e.next_in_chain ? e.next_in_chain->previous_in_chain : last_) = e.previous_in_chain;
        e.next_in_chain = e.previous_in_chain = nullptr;
    }
    T* pop_front() {
        T* e = first_;
        if (e) erase(*e);
        return e;
    }

private:
    T* first_ = nullptr;
    T* last_ = nullptr;
};
