import {
  to = concord_setting.banner
  identity = {
    id = "banner"
  }
}
