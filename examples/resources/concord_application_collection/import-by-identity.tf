import {
  to = concord_application_collection.intranet
  identity = {
    id = "wiki,calendar,tickets"
  }
}
