/* Boost's assertions: checked in the check kernel. assert.h may be included again with another NDEBUG. */
#undef assert
#if defined(RUNDLET_CHECK) && defined(__cplusplus)
[[noreturn]] void kernel_check_failed(char const*, char const* file, int line);
#define assert(e) (static_cast<bool>(e) ? static_cast<void>(0) : ::kernel_check_failed(#e, __FILE__, __LINE__))
#else
#define assert(e) ((void)0)
#endif
