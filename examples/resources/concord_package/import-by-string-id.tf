import {
  to = concord_package.install
  id = "install"
}
