import {
  to = concord_application.wiki
  identity = {
    id = "wiki"
  }
}
