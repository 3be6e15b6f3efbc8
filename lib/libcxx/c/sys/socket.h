// What Linux's UAPI headers of networking want of a C library: struct sockaddr.
#pragma once
struct sockaddr {
    unsigned short sa_family;
    char sa_data[14];
};
