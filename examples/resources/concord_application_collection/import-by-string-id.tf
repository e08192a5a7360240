import {
  to = concord_application_collection.intranet
  id = "wiki,calendar,tickets"
}
