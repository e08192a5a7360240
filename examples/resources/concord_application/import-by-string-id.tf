import {
  to = concord_application.wiki
  id = "wiki"
}
