# The agent as it runs in containers: static, small, with musl; for this machine's architecture, and for the other one
# of x86-64 and arm64 where there is a cross compiler and a musl for it (tools/packages.sh sees to both on Debian).
# Each becomes target agent_binary_ARCHITECTURE and build/agent/ARCHITECTURE/falsestart-agent.

set(AGENT_FOLDER ${CMAKE_BINARY_DIR}/agent)
set(AGENT_BYTES_MAX 150000)
set(AGENT_FLAGS -std=gnu17 -Os -D_GNU_SOURCE -I${PROJECT_SOURCE_DIR}/harness -ffunction-sections -fdata-sections
  -fno-asynchronous-unwind-tables -fno-unwind-tables -fstack-protector-strong)
get_target_property(AGENT_WARNINGS warnings INTERFACE_COMPILE_OPTIONS)
set(AGENT_MUSL_CROSS ${PROJECT_SOURCE_DIR}/build/musl CACHE PATH
  "Where tools/packages.sh unpacks musl-dev of another architecture: ARCHITECTURE/usr/…")

# CMake runs again when it has come.
file(GLOB AGENT_MUSL_FOUND CONFIGURE_DEPENDS ${AGENT_MUSL_CROSS}/*/usr/lib/*-linux-musl/libc.a)

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  set(AGENT_NATIVE amd64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(AGENT_NATIVE arm64)
else()
  message(FATAL_ERROR "the agent is made for x86-64 and arm64, this is ${CMAKE_SYSTEM_PROCESSOR}")
endif()
set(AGENT_MACHINE_amd64 x86_64)
set(AGENT_MACHINE_arm64 aarch64)

# Kernel headers alone: with all of /usr/include behind musl's, a header that musl lacks would be glibc's.
function(agent_kernel_headers out architecture)
  set(machine ${AGENT_MACHINE_${architecture}})
  set(folder ${AGENT_FOLDER}/${architecture}/kernel)
  file(MAKE_DIRECTORY ${folder})
  foreach(name IN ITEMS linux asm asm-generic)
    unset(found)
    foreach(place IN ITEMS /usr/${machine}-linux-gnu/include /usr/include/${machine}-linux-gnu /usr/include)
      if(NOT found AND EXISTS ${place}/${name} AND (architecture STREQUAL AGENT_NATIVE OR NOT place MATCHES "^/usr/include$"))
        set(found ${place}/${name})
      endif()
    endforeach()
    if(NOT found)
      set(${out} "" PARENT_SCOPE)
      return()
    endif()
    file(CREATE_LINK ${found} ${folder}/${name} SYMBOLIC)
  endforeach()
  set(${out} ${folder} PARENT_SCOPE)
endfunction()

# Compiler with the flags to compile, and the words around the objects to link; "" when something is missing.
function(agent_toolchain architecture)
  set(machine ${AGENT_MACHINE_${architecture}})
  set(compile "")
  agent_kernel_headers(kernel ${architecture})
  if(architecture STREQUAL AGENT_NATIVE)
    find_program(AGENT_CC_${architecture} NAMES musl-gcc)
    if(AGENT_CC_${architecture} AND kernel)
      set(compile ${AGENT_CC_${architecture}} -idirafter ${kernel})
      set(before ${AGENT_CC_${architecture}})
      set(after "")
    endif()
  else()
    find_program(AGENT_CC_${architecture} NAMES ${machine}-linux-gnu-gcc)
    find_file(AGENT_LIBC_${architecture} NAMES libc.a NO_DEFAULT_PATH
      PATHS ${AGENT_MUSL_CROSS}/${architecture}/usr/lib/${machine}-linux-musl /usr/lib/${machine}-linux-musl)
    if(AGENT_CC_${architecture} AND AGENT_LIBC_${architecture} AND kernel)
      get_filename_component(libraries ${AGENT_LIBC_${architecture}} DIRECTORY)
      string(REPLACE /usr/lib/ /usr/include/ headers ${libraries})
      execute_process(COMMAND ${AGENT_CC_${architecture}} -print-file-name=include
        OUTPUT_VARIABLE own OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
      # Without the compiler's own idea of a C library, which is glibc.
      set(compile ${AGENT_CC_${architecture}} -nostdinc -isystem ${headers} -isystem ${own} -idirafter ${kernel})
      if(architecture STREQUAL arm64)
        list(APPEND compile -mno-outline-atomics) # their set-up is in glibc
      endif()
      set(before ${AGENT_CC_${architecture}} -nostdlib -L${libraries} ${libraries}/crt1.o ${libraries}/crti.o)
      set(after -Wl,--start-group -lc -lgcc -Wl,--end-group ${libraries}/crtn.o)
    endif()
  endif()
  set(AGENT_COMPILE_${architecture} ${compile} PARENT_SCOPE)
  set(AGENT_LINK_BEFORE_${architecture} ${before} PARENT_SCOPE)
  set(AGENT_LINK_AFTER_${architecture} ${after} PARENT_SCOPE)
endfunction()

function(add_agent_binary architecture)
  set(folder ${AGENT_FOLDER}/${architecture})
  set(binary ${folder}/falsestart-agent)
  room_sources(sources harness/agent)
  set(objects "")
  foreach(source IN LISTS sources)
    get_filename_component(stem ${source} NAME_WE)
    set(object ${folder}/${stem}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${AGENT_COMPILE_${architecture}} ${AGENT_FLAGS} ${AGENT_WARNINGS} -MD -MF ${object}.d -c -o ${object} ${source}
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "Agent for ${architecture}: ${stem}.c" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(OUTPUT ${binary}
    COMMAND ${AGENT_LINK_BEFORE_${architecture}} -static -s -Wl,--gc-sections -Wl,-z,noexecstack
      # Nothing makes relocations read-only in a static program, and aligning them to a page of 64 KiB fills the file.
      -Wl,-z,norelro -Wl,-z,noseparate-code -Wl,--build-id=none -o ${binary} ${objects}
      ${AGENT_LINK_AFTER_${architecture}}
    DEPENDS ${objects} COMMENT "Agent for ${architecture}" VERBATIM)
  add_custom_target(agent_binary_${architecture} ALL DEPENDS ${binary})

  add_test(NAME agent/size-${architecture} COMMAND ${CMAKE_COMMAND} -D FILE=${binary} -D BYTES_MAX=${AGENT_BYTES_MAX}
    -P ${PROJECT_SOURCE_DIR}/cmake/at_most.cmake)
  unset(runner)
  if(NOT architecture STREQUAL AGENT_NATIVE)
    set(machine ${AGENT_MACHINE_${architecture}})
    find_program(AGENT_EMULATOR_${architecture} NAMES qemu-${machine}-static qemu-${machine})
    set(runner ${AGENT_EMULATOR_${architecture}})
  endif()
  if(architecture STREQUAL AGENT_NATIVE OR runner)
    add_test(NAME agent/selftest-${architecture} COMMAND ${runner} ${binary} selftest)
    set_tests_properties(agent/selftest-${architecture} PROPERTIES PASS_REGULAR_EXPRESSION "^ok\n$" TIMEOUT 30)
  endif()
endfunction()

set(AGENT_ARCHITECTURES "")
foreach(architecture IN ITEMS amd64 arm64)
  agent_toolchain(${architecture})
  if(AGENT_COMPILE_${architecture})
    add_agent_binary(${architecture})
    list(APPEND AGENT_ARCHITECTURES ${architecture})
  elseif(architecture STREQUAL AGENT_NATIVE)
    message(FATAL_ERROR "the agent needs musl-gcc and the kernel's headers: apt-get install musl-tools linux-libc-dev")
  else()
    message(STATUS "No agent for ${architecture}: that needs ${AGENT_MACHINE_${architecture}}-linux-gnu-gcc, its kernel "
      "headers and musl; ./dev test fetches them on Debian")
  endif()
endforeach()

# What is embedded in falsestart: each agent as the one layer of an image, made into C by a script.
set(agent_binaries "")
foreach(architecture IN LISTS AGENT_ARCHITECTURES)
  list(APPEND agent_binaries ${AGENT_FOLDER}/${architecture}/falsestart-agent)
endforeach()
list(JOIN AGENT_ARCHITECTURES "," agent_architectures)
add_custom_command(OUTPUT ${AGENT_FOLDER}/agent_layers.c
  COMMAND ${CMAKE_COMMAND} -D ARCHITECTURES=${agent_architectures} -D FOLDER=${AGENT_FOLDER}
    -P ${PROJECT_SOURCE_DIR}/cmake/agent_layers.cmake
  DEPENDS ${agent_binaries} ${PROJECT_SOURCE_DIR}/cmake/agent_layers.cmake COMMENT "Agents as layers of images" VERBATIM)
add_library(agent_layers STATIC ${AGENT_FOLDER}/agent_layers.c)
target_include_directories(agent_layers PRIVATE ${PROJECT_SOURCE_DIR}/harness)
