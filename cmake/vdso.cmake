# The vDSO: arch/vdso/*.cpp and arch/<cpu>/vdso*.{S,cpp}, linked to a shared object of its own and embedded in the kernel.
# The exported names and their version stand in arch/<cpu>/vdso.ver. The kernel sees vdso_start, vdso_end (page-aligned)
# and vdso_sigreturn_at: the offset of __vdso_rt_sigreturn, 0 when the architecture has none.
file(GLOB VDSO_SOURCES CONFIGURE_DEPENDS arch/vdso/*.cpp arch/${RUNDLET_ARCH}/vdso*.S arch/${RUNDLET_ARCH}/vdso*.cpp)
set(VDSO_MAP ${CMAKE_SOURCE_DIR}/arch/${RUNDLET_ARCH}/vdso.ver)
set(VDSO_BLOB)
if(VDSO_SOURCES AND EXISTS ${VDSO_MAP})
  if(RUNDLET_ARCH STREQUAL x86_64)
    set(VDSO_CPU -mno-sse -mno-mmx -msoft-float)
  else()
    set(VDSO_CPU -march=rv64gc -mabi=lp64d -mno-relax)
  endif()
  add_library(vdso-objects OBJECT ${VDSO_SOURCES})
  target_include_directories(vdso-objects PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/arch/${RUNDLET_ARCH})
  target_compile_options(vdso-objects PRIVATE ${VDSO_CPU} -fPIC $<$<COMPILE_LANGUAGE:CXX>:-std=gnu++23> -O2
    $<$<COMPILE_LANGUAGE:CXX>:-fomit-frame-pointer>
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions> $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti> $<$<COMPILE_LANGUAGE:CXX>:-Wall>
    $<$<COMPILE_LANGUAGE:CXX>:-Wextra> $<$<COMPILE_LANGUAGE:CXX>:-Werror> $<$<COMPILE_LANGUAGE:CXX>:${FREESTANDING}>)
  target_compile_definitions(vdso-objects PRIVATE RUNDLET_VDSO=1)
  set(VDSO_SO ${CMAKE_BINARY_DIR}/vdso.so)
  add_custom_command(OUTPUT ${VDSO_SO}
    COMMAND ld.lld-19 -shared -nostdlib --hash-style=both -soname linux-vdso.so.1 --version-script ${VDSO_MAP}
            --no-undefined --build-id=sha1 -z max-page-size=4096 -z noseparate-code -z rodynamic -z norelro --no-rosegment --strip-debug --gc-sections
            -o ${VDSO_SO} $<TARGET_OBJECTS:vdso-objects>
    DEPENDS vdso-objects $<TARGET_OBJECTS:vdso-objects> ${VDSO_MAP} COMMAND_EXPAND_LISTS VERBATIM)
  set(VDSO_BLOB ${CMAKE_BINARY_DIR}/vdso_blob.S)
  add_custom_command(OUTPUT ${VDSO_BLOB}
    COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/embed_vdso.py ${VDSO_SO} ${VDSO_BLOB}
    DEPENDS ${VDSO_SO} ${CMAKE_SOURCE_DIR}/tools/embed_vdso.py VERBATIM)
endif()
