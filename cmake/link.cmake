# Linking: arch/<cpu>/kernel.ld, and a symbol table for backtraces that is made from the linked kernel itself.
# The first link has an empty table, the second one of the final size, the third one with the final addresses.
set(SCRIPT ${CMAKE_SOURCE_DIR}/arch/${RUNDLET_ARCH}/kernel.ld)
set(SYMBOLS ${CMAKE_SOURCE_DIR}/tools/symbols.py)
set(LINK ld.lld-19 -nostdlib -static --gc-sections --icf=safe --build-id=sha1 -z max-page-size=4096 -z noexecstack -T ${SCRIPT}
  --lto-O2 --thinlto-jobs=2 --thinlto-cache-dir=${CMAKE_BINARY_DIR}/lto-cache)
if(PROFILE_DATA)
  # How much longer than others a function may be that is copied for a hot call: ten times would add 60 KB for nothing.
  list(APPEND LINK -mllvm -import-hot-multiplier=2 -mllvm -profile-summary-cutoff-cold=999000)
endif()
if(RUNDLET_PROFILE)
  list(APPEND LINK --defsym=__llvm_profile_runtime=0) # what the compiler asks a runtime library for; we have none
endif()
set(ASSEMBLE clang-19 --target=${RUNDLET_ARCH}-unknown-none-elf ${CPU_FLAGS} -c)

if(EXISTS ${SCRIPT})
  set(extra)
  if(VDSO_BLOB)
    list(APPEND extra ${CMAKE_BINARY_DIR}/vdso_blob.o)
    add_custom_command(OUTPUT ${extra} COMMAND ${ASSEMBLE} ${VDSO_BLOB} -o ${extra} DEPENDS ${VDSO_BLOB} VERBATIM)
  endif()
  set(last)
  foreach(pass 1 2 3)
    set(table ${CMAKE_BINARY_DIR}/symbols${pass})
    set(linked ${CMAKE_BINARY_DIR}/kernel.pass${pass})
    if(pass EQUAL 3)
      set(linked ${CMAKE_BINARY_DIR}/kernel.elf)
    endif()
    add_custom_command(OUTPUT ${linked} BYPRODUCTS ${table}.S ${table}.o
      COMMAND python3 ${SYMBOLS} ${table}.S ${last}
      COMMAND ${ASSEMBLE} ${table}.S -o ${table}.o
      COMMAND ${LINK} -o ${linked} $<TARGET_OBJECTS:kernel-objects> ${extra} ${table}.o
      DEPENDS kernel-objects $<TARGET_OBJECTS:kernel-objects> ${extra} ${last} ${SCRIPT} ${SYMBOLS}
      COMMENT "Linking kernel, pass ${pass}" COMMAND_EXPAND_LISTS VERBATIM)
    set(last ${linked})
  endforeach()
  set(IMAGE ${CMAKE_BINARY_DIR}/kernel)
  add_custom_command(OUTPUT ${IMAGE}
    COMMAND llvm-objcopy-19 --strip-all ${CMAKE_BINARY_DIR}/kernel.elf ${IMAGE}
    COMMAND sh -c "printf '%s: %s bytes stripped\\n' ${RUNDLET_ARCH} $(stat -c %s ${IMAGE})"
    DEPENDS ${CMAKE_BINARY_DIR}/kernel.elf VERBATIM)
  add_custom_target(kernel-image ALL DEPENDS ${IMAGE})
endif()
