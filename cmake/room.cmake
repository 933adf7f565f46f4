# A room is a folder: its *.c make one library, each *_test.c beside them a test, each *_fuzz.c a fuzz target.
# Adding a file is enough; nothing is listed by hand. What the tests of a room share beside headers are its
# reference.c and reference_*.c: what the room does, done a second time to compare with. No program is linked with them.

# Sources of a folder without its tests and fuzzers.
function(room_sources out folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "(_(test|fuzz)|/reference(_[a-z_]+)?)\\.c$")
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

# add_room(NAME FOLDER LINK library…)
function(add_room name folder)
  cmake_parse_arguments(room "" "" "LINK" ${ARGN})
  room_sources(sources ${folder})
  list(FILTER sources EXCLUDE REGEX "/main\\.c$") # a program's, not the library's
  add_library(${name} STATIC ${sources})
  get_filename_component(root ${folder} DIRECTORY)
  # "base/err.h", "engine/engine.h": a header is named with its room; src/ does not see harness/.
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/${root})
  target_compile_definitions(${name} PUBLIC _GNU_SOURCE)
  target_link_libraries(${name} PUBLIC ${room_LINK} PRIVATE warnings sanitizers)
  add_room_tests(${name} ${folder})
  add_room_fuzzers(${name} ${folder})
endfunction()

# Tests are run from the source root, so that fixtures have stable paths. A test whose file name ends in
# _docker_test.c needs an engine and carries the label `docker`.
function(add_room_tests room folder)
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*_test.c)
  file(GLOB references CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/reference.c
    ${PROJECT_SOURCE_DIR}/${folder}/reference_*.c)
  list(FILTER references EXCLUDE REGEX "_test\\.c$")
  set(reference)
  if(references)
    set(reference ${room}_reference)
    add_library(${reference} STATIC ${references})
    target_link_libraries(${reference} PUBLIC ${room} PRIVATE warnings sanitizers)
  endif()
  foreach(source IN LISTS tests)
    get_filename_component(stem ${source} NAME_WE)
    set(target ${room}_${stem})
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE ${reference} ${room} cmocka warnings sanitizers)
    add_test(NAME ${room}/${stem} COMMAND ${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${room}/${stem} PROPERTIES TIMEOUT 120)
    if(stem MATCHES "_docker_test$")
      set_tests_properties(${room}/${stem} PROPERTIES LABELS docker)
    endif()
  endforeach()
endfunction()

# A fuzz target is libFuzzer's in the `fuzz` preset; elsewhere the same file is linked with a main that replays
# fixtures/corpora/<room>_<name>/ as an ordinary test.
function(add_room_fuzzers room folder)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*_fuzz.c)
  foreach(source IN LISTS fuzzers)
    get_filename_component(stem ${source} NAME_WE)
    set(target ${room}_${stem})
    if(FALSESTART_FUZZ)
      add_executable(${target} ${source})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${target} ${source} ${PROJECT_SOURCE_DIR}/cmake/replay_corpus.c)
      add_test(NAME ${room}/${stem}
        COMMAND ${target} fixtures/corpora/${target} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    endif()
    target_link_libraries(${target} PRIVATE ${room} warnings sanitizers)
  endforeach()
endfunction()
