// What Linux's UAPI headers of networking want of a C library.
#pragma once
typedef unsigned short sa_family_t; // NOLINT: C's
struct sockaddr {
    unsigned short sa_family;
    char sa_data[14];
};
