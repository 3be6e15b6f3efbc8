// Boost.Intrusive in the forms the kernel uses: lists, ordered sets and hash tables whose links live in the objects.
#pragma once
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/intrusive/unordered_set.hpp>

namespace bi = boost::intrusive;

/// A link that must be unlinked by its list before the object dies (checked by nothing: cheap).
template <class Tag = void>
using ListLink = bi::list_base_hook<bi::tag<Tag>, bi::link_mode<bi::normal_link>>;
template <class T, class Tag = void>
using List = bi::list<T, bi::base_hook<ListLink<Tag>>, bi::constant_time_size<false>>;
template <class Tag = void>
using TreeLink = bi::set_base_hook<bi::tag<Tag>, bi::link_mode<bi::normal_link>, bi::optimize_size<true>>;
template <class Tag = void>
using HashLink = bi::unordered_set_base_hook<bi::tag<Tag>, bi::link_mode<bi::normal_link>, bi::store_hash<true>>;
