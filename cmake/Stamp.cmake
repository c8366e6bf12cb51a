# Writes build_stamp.h; touches it only when something changed, so an unchanged tree rebuilds nothing.
function(git_text result)
  execute_process(COMMAND git -C "${SOURCE}" ${ARGN} OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                  RESULT_VARIABLE failed)
  if(failed)
    set(text "")
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()
git_text(sha rev-parse HEAD)
git_text(branch rev-parse --abbrev-ref HEAD)
git_text(changes status --porcelain --untracked-files=no)
set(dirty false)
if(changes)
  set(dirty true)
endif()
set(content "#pragma once
#define SPECULA_VERSION \"${VERSION}\"
#define SPECULA_GIT_SHA \"${sha}\"
#define SPECULA_GIT_BRANCH \"${branch}\"
#define SPECULA_GIT_DIRTY ${dirty}
#define SPECULA_BUILD_TYPE \"${BUILD_TYPE}\"
#define SPECULA_COMPILER \"${COMPILER}\"
#define SPECULA_SANITIZERS \"${SANITIZE}\"
")
set(old "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" old)
endif()
if(NOT content STREQUAL old)
  file(WRITE "${OUTPUT}" "${content}")
endif()
